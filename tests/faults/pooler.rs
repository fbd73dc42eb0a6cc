//! Behind a pooler in transaction mode, which gives each transaction whichever of
//! its sessions is free: more calls at once than it has sessions, in every form.

use crate::ledger::{PATIENCE, Run};
use sqlx::{Connection, Error, PgConnection, PgPool, Postgres, Row};
use sqlx_transactional::{
    Limits, ReadTx, Resolution, Tx, keys, on, read, transaction, transactional,
};
use sqlx_transactional_tests::{Action, Point, Setup, TestDb, Wire, for_engines, pooler};
use std::cell::Cell;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// More than the pooler has sessions.
const AT_ONCE: u32 = 8;

/// How many calls of each form are made.
const CALLS: i64 = 40;

fn setup() -> Setup {
    Setup::default().limit(Duration::from_mins(2))
}

/// A statement without a name on the server, as the documentation has it.
async fn insert(tx: &mut Tx<'_, Postgres>, id: i64) -> Result<(), Error> {
    let insert = sqlx::query("insert into notes (id, body) values ($1, 'body')");
    insert
        .bind(id)
        .persistent(false)
        .execute(tx)
        .await
        .map(drop)
}

async fn count(tx: &mut ReadTx<'_, Postgres>) -> Result<i64, Error> {
    let count = sqlx::query_scalar("select count(*) from notes where id > $1");
    count.bind(0).persistent(false).fetch_one(tx).await
}

/// What `app.user` is in this transaction.
async fn user(tx: &mut Tx<'_, Postgres>) -> Result<String, Error> {
    let user = sqlx::query_scalar("select coalesce(current_setting($1, true), '')");
    user.bind("app.user").persistent(false).fetch_one(tx).await
}

#[transactional]
async fn committed(tx: &mut Tx<'_, Postgres>, run: &Run) -> Result<(), Error> {
    tx.after_commit(run.on_commit());
    insert(&mut *tx, run.id(1)).await?;
    insert(tx, run.id(2)).await
}

#[transactional]
async fn rolled_back(tx: &mut Tx<'_, Postgres>, run: &Run) -> Result<(), Error> {
    tx.after_rollback(run.on_rollback());
    insert(tx, run.id(1)).await?;
    Err(Error::RowNotFound)
}

#[transactional(savepoint)]
async fn part(tx: &mut Tx<'_, Postgres>, id: i64, fails: bool) -> Result<(), Error> {
    insert(tx, id).await?;
    if fails {
        Err(Error::RowNotFound)
    } else {
        Ok(())
    }
}

#[transactional]
async fn in_parts(tx: &mut Tx<'_, Postgres>, run: &Run) -> Result<(), Error> {
    part(&mut *tx, run.id(1), false).await?;
    part(&mut *tx, run.id(2), true).await.unwrap_err();
    tx.savepoint(async |tx| insert(tx, run.id(3)).await).await
}

#[transactional(settings("app.user" = run.id(0)), isolation = repeatable_read)]
async fn with_settings(tx: &mut Tx<'_, Postgres>, run: &Run) -> Result<(), Error> {
    assert_eq!(user(tx).await?, run.id(0).to_string());
    insert(tx, run.id(1)).await
}

#[transactional(
    timeout = "20s",
    statement_timeout = "10s",
    lock_timeout = "10s",
    idle_timeout = "10s"
)]
async fn with_limits(tx: &mut Tx<'_, Postgres>, run: &Run) -> Result<(), Error> {
    insert(tx, run.id(1)).await
}

#[transactional(key = run.id(0), timeout = "20s")]
async fn keyed(tx: &mut Tx<'_, Postgres>, run: &Run) -> Result<(), Error> {
    tx.after_commit(run.on_commit());
    insert(tx, run.id(1)).await
}

#[transactional(resolvable)]
async fn resolvable(tx: &mut Tx<'_, Postgres>, run: &Run) -> Result<(), Error> {
    insert(tx, run.id(1)).await
}

#[transactional(retry(attempts = 50, base = "1ms"), isolation = serializable)]
async fn counted(tx: &mut Tx<'_, Postgres>) -> Result<i64, Error> {
    let sql = "update probes set id = id + $1 returning id";
    sqlx::query_scalar(sql)
        .bind(1_i64)
        .persistent(false)
        .fetch_one(tx)
        .await
}

/// Makes a call for each of these runs, more at once than there are sessions.
async fn each<F: Future<Output = ()> + Send + 'static>(
    runs: std::ops::RangeInclusive<i64>,
    call: impl Fn(Run) -> F,
) {
    let mut calls = JoinSet::new();
    for number in runs {
        calls.spawn(call(Run::new(number)));
    }
    let ended = timeout(Duration::from_mins(1), calls.join_all()).await;
    ended.expect("the calls end");
}

/// A pool behind the pooler.
async fn behind(db: &TestDb<Postgres>) -> Option<PgPool> {
    let url = pooler::url(db)?;
    Some(pooler::pool(&url, AT_ONCE).await)
}

/// The call through a pool whose line to the pooler is cut at COMMIT, and a pool
/// through which to ask.
async fn cut(db: &TestDb<Postgres>, point: Point) -> Option<(Wire, PgPool, PgPool)> {
    let url = pooler::url(db)?;
    let wire = Wire::postgres(&url).await;
    let (pool, asked) = (
        pooler::pool(wire.url(), 2).await,
        pooler::pool(&url, AT_ONCE).await,
    );
    wire.arm(point, Action::Cut);
    Some((wire, pool, asked))
}

for_engines! {
    [postgres]

    #[test(setup())]
    async fn every_form_ends_as_it_does_without_one(db: &TestDb<DB>) {
        let Some(pool) = behind(db).await else { return };
        let forms: [(i64, &[i64]); 6] =
            [(1, &[1, 2]), (2, &[]), (3, &[1, 3]), (4, &[1]), (5, &[1]), (6, &[1])];
        for (form, _) in forms {
            each(form * 100..=form * 100 + CALLS, |run| {
                let pool = pool.clone();
                async move {
                    match form {
                        1 => committed(&pool, &run).await.unwrap(),
                        2 => drop(rolled_back(&pool, &run).await.unwrap_err()),
                        3 => in_parts(&pool, &run).await.unwrap(),
                        4 => with_settings(&pool, &run).await.unwrap(),
                        5 => with_limits(&pool, &run).await.unwrap(),
                        _ => resolvable(&pool, &run).await.unwrap(),
                    }
                    let hooks = (usize::from(form == 1), usize::from(form == 2));
                    assert_eq!(run.ran(), hooks);
                }
            })
            .await;
        }
        for (form, notes) in forms {
            for number in form * 100..=form * 100 + CALLS {
                assert_eq!(Run::new(number).stored(db).await, notes, "form {form}");
            }
        }
        let counted = read(&pool, async |tx| count(tx).await).await.unwrap();
        assert_eq!(counted, i64::try_from(db.rows().await.len()).unwrap());
        pool.close().await;
    }

    /// What a transaction set is not there for the next one on its session.
    #[test(setup())]
    async fn settings_and_limits_end_with_the_transaction(db: &TestDb<DB>) {
        let Some(pool) = behind(db).await else { return };
        each(1..=CALLS, |run| {
            let pool = pool.clone();
            async move {
                with_settings(&pool, &run).await.unwrap();
                let seen = transaction(&pool, async |tx| user(tx).await).await.unwrap();
                assert_eq!(seen, "");
                let limit = on(&pool).run(async |tx| {
                    let limit = sqlx::query_scalar("select current_setting($1)");
                    limit.bind("idle_in_transaction_session_timeout").persistent(false).fetch_one(tx).await
                });
                let limit: String = limit.await.unwrap_or_else(|error: Error| error.to_string());
                assert_eq!(limit, "0");
            }
        })
        .await;
        pool.close().await;
    }

    #[test(setup())]
    async fn conflicts_are_repeated(db: &TestDb<DB>) {
        let Some(pool) = behind(db).await else { return };
        let start = "insert into probes (id) values (0)";
        sqlx::raw_sql(start).execute(&db.observer).await.unwrap();
        each(1..=CALLS, |_| {
            let pool = pool.clone();
            async move {
                counted(&pool).await.unwrap();
            }
        })
        .await;
        assert_eq!(db.numbers("select id from probes").await, [CALLS]);
        pool.close().await;
    }

    #[test(setup())]
    async fn a_key_is_done_once(db: &TestDb<DB>) {
        let Some(pool) = behind(db).await else { return };
        sqlx::raw_sql(keys::table::<DB>()).execute(&db.observer).await.unwrap();
        each(1..=CALLS, |run| {
            let pool = pool.clone();
            async move {
                let (one, two) = tokio::join!(keyed(&pool, &run), keyed(&pool, &run));
                let done = [one, two].into_iter().flatten().count();
                assert_eq!((done, run.ran()), (1, (1, 0)));
            }
        })
        .await;
        assert_eq!(db.rows().await.len(), usize::try_from(CALLS).unwrap());
        pool.close().await;
    }

    #[test(setup())]
    async fn an_outcome_is_resolved_by_its_number(db: &TestDb<DB>) {
        for (number, point, wanted) in [
            (1, Point::reply_to("COMMIT"), Resolution::Committed),
            (2, Point::command("COMMIT"), Resolution::RolledBack),
        ] {
            let Some((_wire, pool, asked)) = cut(db, point).await else { return };
            let error = resolvable(&pool, &Run::new(number)).await.unwrap_err();
            let found = sqlx_transactional::Error::find(&error).expect("ours");
            assert!(found.is_outcome_unknown(), "{error:?}");
            for _ in 0..CALLS {
                assert_eq!(found.resolve(&asked).await.unwrap(), wanted);
            }
            pool.close().await;
            asked.close().await;
        }
    }

    #[test(setup())]
    async fn an_outcome_is_resolved_by_its_key(db: &TestDb<DB>) {
        if pooler::url(db).is_none() {
            return;
        }
        sqlx::raw_sql(keys::table::<DB>()).execute(&db.observer).await.unwrap();
        for (number, point, wanted) in [
            (1, Point::reply_to("COMMIT"), Resolution::Committed),
            (2, Point::command("COMMIT"), Resolution::RolledBack),
        ] {
            let Some((_wire, pool, asked)) = cut(db, point).await else { return };
            // By the caller, and by the call.
            let mut own = pool.acquire().await.unwrap();
            let error = keyed(&mut own, &Run::new(number)).await.unwrap_err();
            drop(own);
            let found = sqlx_transactional::Error::find(&error).expect("ours");
            assert!(found.is_outcome_unknown(), "{error:?}");
            for _ in 0..CALLS {
                assert_eq!(found.resolve(&asked).await.unwrap(), wanted);
            }
            pool.close().await;
            asked.close().await;
        }
        let Some((_wire, pool, _)) = cut(db, Point::reply_to("COMMIT")).await else { return };
        let run = Run::new(3);
        keyed(&pool, &run).await.expect("it has committed");
        assert_eq!((run.stored(db).await, run.ran()), (vec![1], (1, 0)));
        pool.close().await;
    }

    /// Its session is ended, whichever that was, and nobody else's.
    #[test(setup())]
    async fn a_call_that_takes_too_long_lets_go_of_its_locks(db: &TestDb<DB>) {
        let Some(pool) = behind(db).await else { return };
        transaction(&pool, async |tx| insert(tx, 1).await).await.unwrap();
        let lock = "update notes set body = 'held' where id = 1";
        for _ in 0..3 {
            let limits = Limits::new().timeout(Duration::from_millis(200));
            let late = on(&pool).limits(limits).run(async |tx| {
                sqlx::raw_sql(lock).execute(&mut *tx).await?;
                sqlx::raw_sql("select pg_sleep(30)").execute(tx).await.map(drop)
            });
            let error = late.await.unwrap_err();
            let found = sqlx_transactional::Error::find(&error);
            assert!(found.is_some_and(sqlx_transactional::Error::is_timed_out), "{error:?}");
            let taken = timeout(PATIENCE, sqlx::raw_sql(lock).execute(&db.observer)).await;
            taken.expect("the lock is free").unwrap();
        }
        pool.close().await;
    }

    /// The pooler gave the session to another client, whose transaction is aborted.
    #[test(setup())]
    async fn what_another_client_has_aborted_is_not_ended(db: &TestDb<DB>) {
        let Some(url) = pooler::url(db) else { return };
        let wire = Wire::postgres(&url).await;
        let pool = pooler::pool(wire.url(), 1).await;
        wire.arm(Point::reply_to("ROLLBACK"), Action::BlackHole);
        let ours = Cell::new(0);
        let limits = Limits::new().timeout(Duration::from_millis(300));
        let call = on(&pool).limits(limits).run(async |tx| {
            ours.set(pid(tx.connection().await?).await?);
            Err::<(), _>(Error::RowNotFound)
        });
        let stranger = async {
            timeout(PATIENCE, async {
                while wire.fired() == 0 {
                    sleep(Duration::from_millis(2)).await;
                }
            })
            .await
            .expect("ROLLBACK is answered");
            let mut others = JoinSet::new();
            // One session is left to ask through.
            for _ in 0..2 {
                let url = url.clone();
                others.spawn(async move { aborted(&url).await });
            }
            let mut met = 0;
            while let Some(other) = others.join_next().await {
                let (pid, mut connection) = other.unwrap();
                met += usize::from(pid == ours.get());
                let ended = sqlx::raw_sql("rollback").execute(&mut connection).await;
                ended.expect("it is the stranger's");
            }
            met
        };
        let (ended, met) = tokio::join!(call, stranger);
        assert!(matches!(ended, Err(Error::RowNotFound)), "{ended:?}");
        assert!(met > 0, "none of them has had its session");
        pool.close().await;
    }
}

async fn pid(connection: &mut PgConnection) -> Result<i32, Error> {
    let rows = sqlx::raw_sql("select pg_backend_pid()")
        .fetch_one(connection)
        .await?;
    rows.try_get(0)
}

/// A transaction that is aborted for longer than any late session is looked for.
async fn aborted(url: &str) -> (i32, PgConnection) {
    let mut connection = PgConnection::connect(url)
        .await
        .expect("the pooler is there");
    sqlx::raw_sql("begin")
        .execute(&mut connection)
        .await
        .unwrap();
    let pid = pid(&mut connection).await.unwrap();
    sleep(Duration::from_millis(100)).await;
    sqlx::raw_sql("select 1 / 0")
        .execute(&mut connection)
        .await
        .unwrap_err();
    sleep(Duration::from_secs(3)).await;
    (pid, connection)
}
