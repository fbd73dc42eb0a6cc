//! Behind a pooler in transaction mode: R21. The line to the pooler is cut, and
//! others go on using its few sessions.

use crate::desk::Desk;
use crate::ledger::Run;
use sqlx::{Error, PgPool, Postgres};
use sqlx_transactional::{Tx, keys, on, transactional};
use sqlx_transactional_tests::campaign::Goal;
use sqlx_transactional_tests::{Action, Backend, Direction, Point, Setup, TestDb, Wire};
use sqlx_transactional_tests::{pooler, run};
use std::time::{Duration, Instant};
use tokio::time::{sleep, timeout};

/// How long all of it may take.
const LIMIT: Duration = Duration::from_mins(10);

/// How long a call, and what it leaves behind, may take.
const PATIENCE: Duration = Duration::from_secs(8);

/// How many other calls there are at the same time.
const OTHERS: i64 = 4;

/// The ways to write the call.
const FORMS: [&str; 3] = ["plain", "resolvable", "keyed"];

/// A statement without a name on the server.
async fn insert(tx: &mut Tx<'_, Postgres>, id: i64) -> Result<(), Error> {
    let insert = sqlx::query("insert into notes (id, body) values ($1, 'pooled')");
    insert
        .bind(id)
        .persistent(false)
        .execute(tx)
        .await
        .map(drop)
}

#[transactional(timeout = "5s", retry(base = "1ms"))]
async fn plain(tx: &mut Tx<'_, Postgres>, run: &Run) -> Result<(), Error> {
    insert(&mut *tx, run.id(1)).await?;
    tx.savepoint(async |tx| insert(tx, run.id(2)).await).await
}

#[transactional(resolvable, timeout = "5s", settings("app.user" = run.id(0)))]
async fn resolvable(tx: &mut Tx<'_, Postgres>, run: &Run) -> Result<(), Error> {
    insert(&mut *tx, run.id(1)).await?;
    insert(tx, run.id(2)).await
}

#[transactional(key = run.id(0), timeout = "5s", retry(base = "1ms"))]
async fn keyed(tx: &mut Tx<'_, Postgres>, run: &Run) -> Result<(), Error> {
    insert(&mut *tx, run.id(1)).await?;
    insert(tx, run.id(2)).await
}

async fn call(form: &str, pool: &PgPool, run: &Run) -> Result<(), Error> {
    match form {
        "plain" => plain(pool, run).await,
        "resolvable" => resolvable(pool, run).await,
        _ => keyed(pool, run).await,
    }
}

/// Cuts the line at each message of each form.
pub(crate) async fn sweep(desk: &Desk) {
    if !desk.selection.has(Goal::R21) || !desk.selection.reaches("pooler-") {
        return;
    }
    run::<Postgres>(Setup::default().limit(LIMIT), async |db| {
        let Some(url) = pooler::url(db) else {
            return;
        };
        let mut observer = db.observer.acquire().await.expect("the observer");
        let table = Postgres::execute(&mut observer, keys::table::<Postgres>()).await;
        table.expect("the table of keys");
        drop(observer);
        let place = Place {
            wire: Wire::postgres(&url).await,
            others: pooler::pool(&url, 4).await,
        };
        for form in FORMS {
            for (side, from) in [
                ("client", Direction::FromClient),
                ("server", Direction::FromServer),
            ] {
                let stem = format!("pooler-{form}/cut/{side}");
                let one = async |position, case: &str| {
                    let point = Point::nth(from, position).of_one_connection();
                    one(desk, db, &place, form, point, case).await
                };
                desk.at_each(db.engine(), Goal::R21, &stem, one).await;
            }
        }
        place.others.close().await;
    })
    .await;
}

/// The line that is cut, and those who are not to notice.
struct Place {
    wire: Wire,
    others: PgPool,
}

/// One case. Whether the call has met its fault.
async fn one(
    desk: &Desk,
    db: &TestDb<Postgres>,
    place: &Place,
    form: &str,
    point: Point,
    case: &str,
) -> bool {
    let pool = pooler::pool(place.wire.url(), 2).await;
    let (run, before) = (Run::new(desk.number()), place.wire.fired());
    let others: Vec<Run> = (0..OTHERS).map(|_| Run::new(desk.number())).collect();
    place.wire.arm(point, Action::Cut);
    let began = Instant::now();
    let theirs = async {
        for other in &others {
            let stored = on(&place.others).run(async |tx| insert(tx, other.id(1)).await);
            stored
                .await
                .map_err(|error| format!("another's call: {error}"))?;
        }
        Ok::<_, String>(())
    };
    let ended = timeout(PATIENCE, async {
        tokio::join!(call(form, &pool, &run), theirs)
    });
    let ended = ended.await;
    let took = began.elapsed();
    let met = place.wire.fired() > before;
    place.wire.disarm();
    let outcome = match ended {
        Err(_) => Err("it hangs".to_owned()),
        Ok((_, Err(problem))) => Err(problem),
        Ok((answer, Ok(()))) => judged(db, &pool, form, &run, answer).await,
    };
    let _ = timeout(PATIENCE, pool.close()).await;
    let outcome = match outcome {
        Ok(()) => clean(db).await,
        wrong => wrong,
    };
    desk.note(db.engine(), case, took, [(Goal::R21, outcome)]);
    met
}

/// Whether what was told is what is stored; with a key, made again until it is done.
async fn judged(
    db: &TestDb<Postgres>,
    pool: &PgPool,
    form: &str,
    run: &Run,
    answer: Result<(), Error>,
) -> Result<(), String> {
    let stored = run.stored(db).await;
    let own = |error: &Error, is: fn(&sqlx_transactional::Error) -> bool| {
        sqlx_transactional::Error::find(error).is_some_and(is)
    };
    let is_right = match &answer {
        Ok(()) => stored == [1, 2],
        Err(error) if own(error, sqlx_transactional::Error::is_outcome_unknown) => {
            form != "keyed" && (stored.is_empty() || stored == [1, 2])
        }
        Err(_) => stored.is_empty(),
    };
    if !is_right {
        return Err(format!(
            "the caller was told {answer:?}, stored is {stored:?}"
        ));
    }
    if form != "keyed" {
        return Ok(());
    }
    let again = call(form, pool, run).await;
    let done = again.as_ref().is_ok_and(|()| answer.is_err())
        || again.as_ref().is_err_and(|error| {
            answer.is_ok() && own(error, sqlx_transactional::Error::is_already_done)
        });
    let stored = run.stored(db).await;
    if done && stored == [1, 2] {
        Ok(())
    } else {
        Err(format!(
            "{answer:?}, made again {again:?}, stored is {stored:?}"
        ))
    }
}

/// Whether the pooler's sessions come to rest.
async fn clean(db: &TestDb<Postgres>) -> Result<(), String> {
    let until = Instant::now() + PATIENCE;
    let open = "select count(*) from pg_stat_activity where datname = current_database() \
                and state <> 'idle' and pid <> pg_backend_pid()";
    while db.numbers(open).await != [0] {
        if Instant::now() > until {
            return Err("a session of the pooler's is still at it".to_owned());
        }
        sleep(Duration::from_millis(5)).await;
    }
    Ok(())
}
