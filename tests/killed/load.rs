//! Calls that store two rows each, many at once, and what became of them.

use sqlx::{Error, MySql, Pool, Postgres};
use sqlx_transactional::pool::Recommended;
use sqlx_transactional::{Tx, transactional};
use sqlx_transactional_tests::Backend;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

/// How many calls are under way at once.
pub(crate) const TASKS: u32 = 4;

/// A call that takes longer hangs.
const PATIENCE: Duration = Duration::from_secs(20);

/// What the load does, in each engine's own SQL.
pub(crate) trait Pairs: Backend + Recommended {
    /// The table.
    const TABLE: &'static str;

    /// Stores one of the two rows.
    fn insert(
        tx: &mut Tx<'_, Self>,
        id: i64,
        half: i32,
    ) -> impl Future<Output = Result<(), Error>> + Send;
}

macro_rules! pairs {
    ($database:ty, $more:literal, $insert:literal) => {
        impl Pairs for $database {
            const TABLE: &'static str = concat!(
                "create table pairs (id bigint not null, half int not null, ",
                "primary key (id, half))",
                $more
            );

            async fn insert(tx: &mut Tx<'_, Self>, id: i64, half: i32) -> Result<(), Error> {
                let insert = sqlx::query($insert).bind(id).bind(half);
                insert.execute(tx).await.map(drop)
            }
        }
    };
}

pairs!(Postgres, "", "insert into pairs (id, half) values ($1, $2)");
pairs!(
    MySql,
    " engine = innodb",
    "insert into pairs (id, half) values (?, ?)"
);

/// How a call ended for its caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Acknowledged,
    /// Before COMMIT was sent, on purpose or not.
    Failed,
    Unknown,
    /// Not within [`PATIENCE`].
    Hung,
}

/// One call.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Call {
    pub(crate) id: i64,
    /// How many kills there had been when it began.
    pub(crate) round: usize,
    pub(crate) end: End,
    pub(crate) took: Duration,
}

/// What the tasks share.
#[derive(Debug, Default)]
struct Shared {
    next: AtomicI64,
    round: AtomicUsize,
    acknowledged: AtomicUsize,
    stopped: AtomicBool,
    calls: Mutex<Vec<Call>>,
    hooks: Mutex<BTreeMap<i64, usize>>,
}

/// Everything the load did.
#[derive(Debug)]
pub(crate) struct Record {
    pub(crate) calls: Vec<Call>,
    /// How often the hook of each call ran.
    pub(crate) hooks: BTreeMap<i64, usize>,
}

/// The tasks; they end when this is dropped.
#[derive(Debug)]
pub(crate) struct Load {
    shared: Arc<Shared>,
    tasks: JoinSet<()>,
}

#[transactional]
async fn pair<DB: Pairs>(tx: &mut Tx<'_, DB>, shared: &Arc<Shared>, id: i64) -> Result<(), Error> {
    let own = Arc::clone(shared);
    tx.after_commit(async move {
        let mut hooks = own.hooks.lock().unwrap_or_else(PoisonError::into_inner);
        *hooks.entry(id).or_default() += 1;
    });
    DB::insert(&mut *tx, id, 1).await?;
    DB::insert(tx, id, 2).await?;
    if id % 5 == 0 {
        // On purpose: it must never be there.
        return Err(Error::RowNotFound);
    }
    Ok(())
}

fn end(answer: Result<(), Error>) -> End {
    match answer {
        Ok(()) => End::Acknowledged,
        Err(error) => match sqlx_transactional::Error::find(&error) {
            Some(found) if found.is_outcome_unknown() => End::Unknown,
            _ => End::Failed,
        },
    }
}

impl Shared {
    fn note(&self, call: Call) {
        let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        calls.push(call);
    }
}

impl Load {
    /// Starts the tasks.
    pub(crate) fn start<DB: Pairs>(pool: &Pool<DB>) -> Self {
        let shared = Arc::new(Shared::default());
        let mut tasks = JoinSet::new();
        for _ in 0..TASKS {
            let (pool, shared) = (pool.clone(), Arc::clone(&shared));
            tasks.spawn(async move {
                while !shared.stopped.load(Ordering::SeqCst) {
                    one(&pool, &shared).await;
                }
            });
        }
        Self { shared, tasks }
    }

    /// The server was killed once more.
    pub(crate) fn next_round(&self) {
        self.shared.round.fetch_add(1, Ordering::SeqCst);
    }

    /// Waits for so many more acknowledged calls, a bounded time. How long that
    /// took.
    pub(crate) async fn more(&self, number: usize, limit: Duration) -> Option<Duration> {
        let began = Instant::now();
        let wanted = self.shared.acknowledged.load(Ordering::SeqCst) + number;
        while self.shared.acknowledged.load(Ordering::SeqCst) < wanted {
            if began.elapsed() > limit {
                return None;
            }
            sleep(Duration::from_millis(1)).await;
        }
        Some(began.elapsed())
    }

    /// Ends the tasks, each after the call that it is in.
    pub(crate) async fn stop(mut self) -> Record {
        self.shared.stopped.store(true, Ordering::SeqCst);
        while let Some(task) = self.tasks.join_next().await {
            task.expect("a call does not panic");
        }
        let lock = PoisonError::into_inner;
        let calls = self.shared.calls.lock().unwrap_or_else(lock).clone();
        let hooks = self.shared.hooks.lock();
        let hooks = hooks.unwrap_or_else(PoisonError::into_inner).clone();
        Record { calls, hooks }
    }
}

async fn one<DB: Pairs>(pool: &Pool<DB>, shared: &Arc<Shared>) {
    let id = shared.next.fetch_add(1, Ordering::SeqCst) + 1;
    let round = shared.round.load(Ordering::SeqCst);
    let began = Instant::now();
    let answer = timeout(PATIENCE, pair(pool, shared, id)).await;
    let end = answer.map_or(End::Hung, end);
    let call = Call {
        id,
        round,
        end,
        took: began.elapsed(),
    };
    shared.note(call);
    match end {
        End::Acknowledged => {
            shared.acknowledged.fetch_add(1, Ordering::SeqCst);
        }
        // A server that is away is not asked all the time.
        _ => sleep(Duration::from_millis(2)).await,
    }
}
