//! An application that shuts down in order: R20. Its clients go away, it waits until
//! nothing goes on without them, closes its pool and ends its runtime.

use crate::desk::Desk;
use crate::ledger::Run;
use crate::notes::Notes;
use crate::pauses::with_pauses;
use sqlx::pool::PoolOptions;
use sqlx::{Error, MySql, Pool, Postgres, Sqlite};
use sqlx_transactional::{Detached, Tx, drained, transactional};
use sqlx_transactional_tests::campaign::Goal;
use sqlx_transactional_tests::{Engine, Setup, TestDb, poll_k_then_drop, run};
use std::time::{Duration, Instant};
use tokio::time::{sleep, timeout};

/// How long all of one engine may take.
const LIMIT: Duration = Duration::from_mins(5);

/// How long the application waits for each thing.
const PATIENCE: Duration = Duration::from_secs(5);

/// The ways to write the call.
const FORMS: [&str; 3] = ["plain", "savepoint", "slow-hook"];

#[transactional(retry(attempts = 2))]
async fn plain<DB: Notes>(tx: &mut Tx<'_, DB>, run: &Run) -> Result<(), Error> {
    tx.after_commit(run.on_commit());
    tx.after_rollback(run.on_rollback());
    DB::insert(tx, run.id(1)).await
}

#[transactional(timeout = "5s")]
async fn savepoint<DB: Notes>(tx: &mut Tx<'_, DB>, run: &Run) -> Result<(), Error> {
    tx.after_commit(run.on_commit());
    tx.after_rollback(run.on_rollback());
    tx.savepoint(async |tx| DB::insert(tx, run.id(1)).await)
        .await
}

#[transactional]
async fn slow_hook<DB: Notes>(tx: &mut Tx<'_, DB>, run: &Run) -> Result<(), Error> {
    tx.after_commit(sleep(Duration::from_millis(5)));
    tx.after_rollback(sleep(Duration::from_millis(5)));
    plain(tx, run).await
}

async fn call<DB: Notes>(form: &str, pool: &Pool<DB>, run: &Run) -> Result<(), Error> {
    match form {
        "plain" => plain(pool, run).await,
        "savepoint" => savepoint(pool, run).await,
        _ => slow_hook(pool, run).await,
    }
}

/// The client leaves at each wait of each form. What is waited for is the whole
/// process's, so nothing else runs at the same time.
pub(crate) async fn sweeps(desk: &Desk, engines: &[Engine]) {
    for engine in engines {
        match engine {
            Engine::Sqlite => sweep::<Sqlite>(desk).await,
            Engine::Postgres => sweep::<Postgres>(desk).await,
            Engine::MySql => sweep::<MySql>(desk).await,
        }
    }
}

async fn sweep<DB: Notes>(desk: &Desk) {
    if !desk.selection.has(Goal::R20) || !desk.selection.reaches("shutdown-") {
        return;
    }
    run::<DB>(Setup::default().limit(LIMIT), async |db| {
        for form in FORMS {
            let stem = format!("shutdown-{form}/left/poll");
            let one = async |position, case: &str| one(desk, db, form, position, case).await;
            desk.at_each(db.engine(), Goal::R20, &stem, one).await;
        }
    })
    .await;
}

/// How an application ended.
struct Ended {
    /// Whether its client was there to the end.
    finished: bool,
    left: Detached,
    closed: bool,
}

/// One case. Whether the client has left before the end.
async fn one<DB: Notes>(
    desk: &Desk,
    db: &TestDb<DB>,
    form: &'static str,
    position: usize,
    case: &str,
) -> bool {
    let run = Run::new(desk.number());
    let (url, client) = (db.url().to_owned(), run.clone());
    let began = Instant::now();
    let application =
        tokio::task::spawn_blocking(move || application::<DB>(&url, form, &client, position));
    let (left_early, outcome) = match application.await {
        Ok(Ok(ended)) => (!ended.finished, judged(db, &run, &ended).await),
        Ok(Err(problem)) => (true, Err(problem)),
        Err(panic) => (true, Err(panic.to_string())),
    };
    desk.note(db.engine(), case, began.elapsed(), [(Goal::R20, outcome)]);
    left_early
}

/// The application, from its start to its end, with a runtime of its own.
fn application<DB: Notes>(
    url: &str,
    form: &str,
    run: &Run,
    position: usize,
) -> Result<Ended, String> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .map_err(|error| error.to_string())?;
    let ended = runtime.block_on(async {
        let pool = PoolOptions::<DB>::new().max_connections(2).connect(url);
        let pool = pool.await.map_err(|error| error.to_string())?;
        let ended = poll_k_then_drop(with_pauses(call(form, &pool, run)), position).await;
        let left = drained(PATIENCE).await;
        Ok(Ended {
            finished: ended.is_some(),
            left,
            closed: timeout(PATIENCE, pool.close()).await.is_ok(),
        })
    });
    // Nothing that is still under way is waited for.
    runtime.shutdown_background();
    ended
}

/// Whether nothing was left, and the hooks that ran are those of what is stored.
async fn judged<DB: Notes>(db: &TestDb<DB>, run: &Run, ended: &Ended) -> Result<(), String> {
    if !ended.left.is_empty() || !ended.closed {
        let closed = ended.closed;
        return Err(format!(
            "left: {}; the pool is closed: {closed}",
            ended.left
        ));
    }
    let stored = run.stored(db).await;
    let expected = match &*stored {
        _ if !run.has_hooks() => (0, 0),
        [1] => (1, 0),
        _ => (0, 1),
    };
    if run.ran() == expected {
        return Ok(());
    }
    Err(format!(
        "{:?} hooks ran instead of {expected:?}, stored is {stored:?}",
        run.ran()
    ))
}
