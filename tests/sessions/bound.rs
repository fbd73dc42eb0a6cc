//! How many sessions of a pool a server has, while their callers go away.

use sqlx::{AssertSqlSafe, Connection, Error, MySql, Postgres};
use sqlx_transactional::pool::{Recommended, options};
use sqlx_transactional::{Tx, transaction};
use sqlx_transactional_tests::campaign::{Campaign, Goal, Try};
use sqlx_transactional_tests::server::name;
use sqlx_transactional_tests::{Backend, TestDb};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

/// How many connections the pool has.
const CONNECTIONS: u32 = 2;

/// How many callers go away.
const CALLS: i64 = 8;

/// How long a caller waits for a statement that never ends by itself.
const WAITS: Duration = Duration::from_millis(50);

/// How long something may take that has to happen.
const PATIENCE: Duration = Duration::from_secs(20);

/// The note that is locked all the time.
const LOCKED: i64 = 1;

/// What waits for a lock, in each engine's own SQL.
pub(crate) trait Waits: Backend + Recommended {
    /// How many sessions of this database wait for it.
    const WAITING: &'static str;

    /// Stores a note.
    fn store(tx: &mut Tx<'_, Self>, id: i64) -> impl Future<Output = Result<(), Error>> + Send;

    /// Waits for the lock.
    fn wait(tx: &mut Tx<'_, Self>) -> impl Future<Output = Result<(), Error>> + Send;
}

/// What waits for the lock.
const WAIT: &str = "select id from notes where id = 1 for update";

macro_rules! waits {
    ($database:ty, $waiting:literal) => {
        impl Waits for $database {
            const WAITING: &'static str = $waiting;

            async fn store(tx: &mut Tx<'_, Self>, id: i64) -> Result<(), Error> {
                let sql = format!("insert into notes (id, body) values ({id}, 'stored')");
                sqlx::query(AssertSqlSafe(sql)).execute(tx).await.map(drop)
            }

            async fn wait(tx: &mut Tx<'_, Self>) -> Result<(), Error> {
                sqlx::query(WAIT).execute(tx).await.map(drop)
            }
        }
    };
}

waits!(
    Postgres,
    "select count(*) from pg_stat_activity where datname = current_database() \
     and state = 'active' and query = 'select id from notes where id = 1 for update'"
);
waits!(
    MySql,
    "select cast(count(*) as signed) from information_schema.processlist where db = database() \
     and info = 'select id from notes where id = 1 for update'"
);

/// Callers go away while their statements wait, and the server is asked all the
/// time how many wait at once.
pub(crate) async fn dropped<DB: Waits>(campaign: &mut Campaign, db: &TestDb<DB>, seed: u64) {
    let began = Instant::now();
    let most = timeout(PATIENCE * 2, most_at_once(db)).await;
    let outcome = match most {
        Ok(Ok(most)) if most <= i64::from(2 * CONNECTIONS) => Ok(()),
        Ok(Ok(most)) => Err(format!(
            "a pool of {CONNECTIONS} ran {most} statements at once"
        )),
        Ok(Err(problem)) => Err(problem),
        Err(_) => Err("it hangs".to_owned()),
    };
    campaign.note(Try {
        goal: Goal::R19,
        engine: name(DB::ENGINE),
        case: "pool-bound/dropped/waiting/1".to_owned(),
        seed,
        took: began.elapsed(),
        outcome,
    });
}

async fn most_at_once<DB: Waits>(db: &TestDb<DB>) -> Result<i64, String> {
    let pool = options::<DB>(db.url())
        .max_connections(CONNECTIONS)
        .acquire_timeout(PATIENCE);
    let pool = db.pool_with(pool).await;
    let text = |error: Error| error.to_string();
    let mut blocker = DB::Connection::connect(db.direct_url())
        .await
        .map_err(text)?;
    for sql in [
        "insert into notes (id, body) values (1, 'locked')",
        "begin",
        WAIT,
    ] {
        DB::execute(&mut blocker, sql).await.map_err(text)?;
    }
    let mut calls = JoinSet::new();
    for id in 0..CALLS {
        let pool = pool.clone();
        calls.spawn(async move {
            let waits = Notify::new();
            let call = transaction(&pool, async |tx: &mut Tx<'_, DB>| {
                DB::store(&mut *tx, LOCKED + 1 + id).await?;
                waits.notify_one();
                DB::wait(tx).await
            });
            tokio::select! {
                ended = call => ended,
                () = async { waits.notified().await; sleep(WAITS).await } => Ok(()),
            }
        });
    }
    let (mut most, mut ended) = (0, 0);
    while ended < CALLS {
        tokio::select! {
            call = calls.join_next() => match call {
                Some(Ok(Ok(()))) => ended += 1,
                Some(Ok(Err(error))) => return Err(format!("a call failed: {error}")),
                _ => return Err("a call panicked".to_owned()),
            },
            () = sleep(Duration::from_millis(10)) => {}
        }
        most = most.max(db.numbers(DB::WAITING).await[0]);
    }
    // The pool serves, though some of them wait still.
    let stored = transaction(&pool, async |tx| DB::store(tx, LOCKED + 1 + CALLS).await);
    stored
        .await
        .map_err(|error| format!("the pool does not serve: {error}"))?;
    DB::execute(&mut blocker, "rollback").await.map_err(text)?;
    let _ = blocker.close().await;
    while db.numbers(DB::WAITING).await[0] > 0 {
        sleep(Duration::from_millis(10)).await;
    }
    Ok(most)
}
