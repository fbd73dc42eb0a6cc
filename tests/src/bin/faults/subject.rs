//! What a case calls, and how to see what came of it.

use crate::calls::Within;
use crate::notes::Notes;
use futures_util::FutureExt;
use sqlx::Pool;
use sqlx_transactional_tests::TestDb;
use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// What the caller is told.
pub(crate) type Answer = Result<(), Box<dyn std::error::Error + Send + Sync>>;

/// How often hooks ran: after a commit, after a rollback.
pub(crate) type Ran = (usize, usize);

/// What a call does when nothing disturbs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Promise {
    /// It stores everything and answers `Ok`.
    Commits,
    /// It stores nothing and answers an error.
    Fails,
    /// It stores nothing and answers `Ok`, because that was asked for.
    RollsBack,
    /// It stores nothing and answers `Ok`, because it reads.
    Reads,
}

/// How a transaction ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Committed,
    RolledBack,
    Unknown,
}

/// What the observer sees of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Left {
    Everything,
    Nothing,
    /// Half of it, or more than all, in words.
    Half(String),
}

/// A way to write a transaction.
pub(crate) trait Subject<DB: Notes> {
    /// What belongs to one call.
    type Given;

    /// Its name in the text of a case.
    fn name(&self) -> &str;

    /// What it does when nothing disturbs it.
    fn promise(&self) -> Promise;

    /// Makes ready for one call through this pool of one connection. `number`
    /// is a number of its own, `seed` decides what is left to chance.
    async fn prepare(
        &self,
        db: &TestDb<DB>,
        pool: &Pool<DB>,
        number: i64,
        seed: u64,
    ) -> Self::Given;

    /// Makes the call.
    async fn call(&self, pool: &Pool<DB>, given: &Self::Given) -> Answer;

    /// Makes the call on a place whose transactions have a deadline.
    async fn call_within(&self, place: &Within<DB>, given: &Self::Given) -> Answer;

    /// What is stored of the call.
    async fn left(&self, db: &TestDb<DB>, given: &Self::Given) -> Left;

    /// Whether the call has registered hooks.
    fn has_hooks(&self, given: &Self::Given) -> bool;

    /// How often hooks are to run at this end.
    fn wanted(&self, end: End) -> Ran {
        match end {
            End::Committed => (1, 0),
            End::RolledBack => (0, 1),
            End::Unknown => (0, 0),
        }
    }

    /// Whether it works with the connection itself, so that behind a lost line nobody can
    /// be asked what it has done. Then no hook runs.
    fn may_be_unseen(&self) -> bool {
        false
    }

    /// Waits until `wanted` hooks ran, a bounded time, and says which ran, or
    /// in words what ran that never should.
    async fn ran(&self, given: &Self::Given, wanted: usize) -> Result<Ran, String>;
}

/// A call that panicked in place of an answer, which nothing here is meant to do.
#[derive(Debug)]
pub(crate) struct Panicked(String);

impl fmt::Display for Panicked {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "it panicked: {}", self.0)
    }
}

impl std::error::Error for Panicked {}

/// The answer of `call`, a panic turned into one: a campaign goes on.
pub(crate) async fn answered(call: impl Future<Output = Answer>) -> Answer {
    let answer = AssertUnwindSafe(Box::pin(call)).catch_unwind().await;
    answer.unwrap_or_else(|panic| Err(Panicked(words(panic)).into()))
}

/// What `work` gives, or what it panics with.
pub(crate) fn caught<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(work)).map_err(words)
}

/// What a panic says.
fn words(panic: Box<dyn Any + Send>) -> String {
    let text = panic.downcast::<String>().map(|text| *text);
    text.or_else(|panic| panic.downcast::<&str>().map(|text| (*text).to_owned()))
        .unwrap_or_else(|_| "a panic without words".to_owned())
}
