//! What a test can ask about the transactions that were made for it.

use std::{
    cell::RefCell,
    future::poll_fn,
    mem,
    pin::pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use crate::observe::{Outcome, Tally};

/// Whether anybody has ever watched, which is asked first.
static EVER: AtomicBool = AtomicBool::new(false);

/// Whether a transaction may have a witness.
#[inline]
pub(crate) fn is_any() -> bool {
    EVER.load(Ordering::Relaxed)
}

thread_local! {
    /// The watches whose futures are being polled on this thread, the outermost
    /// first.
    static WATCHES: RefCell<Vec<Log>> = const { RefCell::new(Vec::new()) };
}

type Log = Arc<Mutex<Vec<Watched>>>;

/// A transaction that has ended, or an attempt of one: see [`watch`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Watched {
    /// Its name in spans: the path of its function, if it was given none.
    pub name: &'static str,
    /// Which attempt it was, counted from 1.
    pub attempt: u32,
    /// What became of it.
    pub end: End,
    /// The text of each statement it sent, without those of this crate's own.
    pub statements: Vec<String>,
    /// How many rows those changed or returned.
    pub rows: u64,
}

/// What became of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It was committed; or it had no statement, and its function succeeded.
    Committed,
    /// It was rolled back; or it had no statement, and its function failed.
    RolledBack,
    /// Something else ended it, so that part of it may be durable:
    /// [`Error::is_ended_early`](crate::Error::is_ended_early).
    EndedEarly,
    /// Nobody knows: [`Error::is_outcome_unknown`](crate::Error::is_outcome_unknown).
    Unknown,
}

/// Runs `future`, and gives besides its output every transaction that was begun
/// in it and has ended, in the order of their ends. What it spawns is not seen.
///
/// ```
/// use sqlx::Sqlite;
/// use sqlx_transactional::{Tx, testing::{self, End}, transactional};
///
/// #[transactional(name = "add")]
/// async fn add(tx: &mut Tx<'_, Sqlite>) -> Result<(), sqlx::Error> {
///     sqlx::query("insert into notes default values").execute(tx).await?;
///     Ok(())
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), sqlx::Error> {
/// # let pool = sqlx_transactional::pool::connect::<Sqlite>("sqlite::memory:").await?;
/// # sqlx::raw_sql("create table notes (id integer primary key)").execute(&pool).await?;
/// let (added, transactions) = testing::watch(add(&pool)).await;
/// added?;
/// assert_eq!(transactions.len(), 1);
/// assert_eq!(transactions[0].end, End::Committed);
/// assert_eq!(transactions[0].statements, ["insert into notes default values"]);
/// assert_eq!(transactions[0].rows, 1);
/// # Ok(())
/// # }
/// ```
pub async fn watch<F: Future>(future: F) -> (F::Output, Vec<Watched>) {
    /// Takes the watch off also when the future panics.
    struct Leave;
    impl Drop for Leave {
        fn drop(&mut self) {
            WATCHES.with_borrow_mut(Vec::pop);
        }
    }
    EVER.store(true, Ordering::Relaxed);
    let log = Log::default();
    let mut future = pin!(future);
    let output = poll_fn(|context| {
        WATCHES.with_borrow_mut(|watches| watches.push(log.clone()));
        let _leave = Leave;
        future.as_mut().poll(context)
    })
    .await;
    let ended = mem::take(&mut *log.lock().unwrap_or_else(PoisonError::into_inner));
    (output, ended)
}

/// What is noted of a transaction that is watched.
#[derive(Debug)]
pub(crate) struct Witness {
    logs: Vec<Log>,
    name: &'static str,
    pub(crate) statements: Vec<String>,
}

impl Witness {
    /// One of the transaction `name`, where somebody watches.
    #[inline]
    pub(crate) fn of(name: &'static str) -> Option<Box<Self>> {
        if is_any() { Self::here(name) } else { None }
    }

    fn here(name: &'static str) -> Option<Box<Self>> {
        WATCHES.with_borrow(|watches| {
            (!watches.is_empty()).then(|| {
                Box::new(Self {
                    logs: watches.clone(),
                    name,
                    statements: Vec::new(),
                })
            })
        })
    }

    pub(crate) fn ended(self, attempt: u32, outcome: Outcome, tally: Tally) {
        let watched = Watched {
            name: self.name,
            attempt,
            end: match outcome {
                Outcome::Committed => End::Committed,
                Outcome::RolledBack => End::RolledBack,
                Outcome::EndedEarly => End::EndedEarly,
                Outcome::Unknown => End::Unknown,
            },
            statements: self.statements,
            rows: tally.rows,
        };
        for log in self.logs {
            let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
            log.push(watched.clone());
        }
    }
}
