//! A pool with what everything begun on it has in common.

use std::{fmt, sync::Arc};

use sqlx::{Database, Pool};

use crate::{
    begin::{Hook, Source},
    characteristics::Isolation,
    limits::Limits,
    retry::Retry,
};

/// A pool, with defaults for the transactions that begin on it.
///
/// What a function's attribute, or a block, says itself goes before what is said
/// here. Cloning it is cheap.
///
/// ```
/// use std::time::Duration;
///
/// use sqlx::Sqlite;
/// use sqlx_transactional::{Db, Isolation, Limits, Retry, Tx, transactional};
///
/// #[transactional(retry)] // with the attempts that are said below
/// async fn add(tx: &mut Tx<'_, Sqlite>, body: &str) -> Result<(), sqlx::Error> {
///     sqlx::query("insert into notes (body) values (?)").bind(body).execute(tx).await?;
///     Ok(())
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), sqlx::Error> {
/// # let pool = sqlx_transactional::pool::connect::<Sqlite>("sqlite::memory:").await?;
/// # sqlx::raw_sql("create table notes (id integer primary key, body text)").execute(&pool).await?;
/// let db = Db::new(pool)
///     .name("notes")
///     .isolation(Isolation::Serializable)
///     .limits(Limits::new().timeout(Duration::from_secs(5)))
///     .retry(Retry::new().attempts(10))
///     .after_commit(|| async { /* count it */ });
/// add(&db, "buy milk").await?;
/// # let notes: i64 = sqlx::query_scalar("select count(*) from notes").fetch_one(db.pool()).await?;
/// # assert_eq!(notes, 1);
/// # Ok(())
/// # }
/// ```
pub struct Db<DB: Database> {
    pool: Pool<DB>,
    name: Option<&'static str>,
    isolation: Option<Isolation>,
    limits: Limits,
    retry: Retry,
    after_commit: Option<MakeHook>,
    after_rollback: Option<MakeHook>,
}

type MakeHook = Arc<dyn Fn() -> Hook + Send + Sync>;

/// A hook that is made when it is to run.
fn made_later(make: &MakeHook) -> Hook {
    let make = Arc::clone(make);
    Box::pin(async move { make().await })
}

impl<DB: Database> Db<DB> {
    /// A place like `pool` itself.
    #[must_use]
    pub fn new(pool: Pool<DB>) -> Self {
        Self {
            pool,
            name: None,
            isolation: None,
            limits: Limits::new(),
            retry: Retry::new(),
            after_commit: None,
            after_rollback: None,
        }
    }

    /// Called this in spans, in the field `db`.
    #[must_use]
    pub fn name(mut self, name: &'static str) -> Self {
        self.name = Some(name);
        self
    }

    /// With at least this isolation.
    #[must_use]
    pub fn isolation(mut self, isolation: Isolation) -> Self {
        self.isolation = Some(isolation);
        self
    }

    /// With these limits.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// With this way to repeat the functions and blocks that ask for a `retry`.
    /// Those that do not are not repeated: not every body may run twice.
    #[must_use]
    pub fn retry(mut self, retry: Retry) -> Self {
        self.retry = retry;
        self
    }

    /// Runs what `hook` makes after each commit, before the hooks that the
    /// transaction itself has registered; otherwise as
    /// [`Tx::after_commit`](crate::Tx::after_commit). `hook` is called when the
    /// transaction has committed, not before. A second one takes the place of the
    /// first.
    #[must_use]
    pub fn after_commit<F>(mut self, hook: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.after_commit = Some(Arc::new(move || Box::pin(hook())));
        self
    }

    /// Runs what `hook` makes after each rollback, when that is over; otherwise as
    /// [`after_commit`](Db::after_commit).
    #[must_use]
    pub fn after_rollback<F>(mut self, hook: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.after_rollback = Some(Arc::new(move || Box::pin(hook())));
        self
    }

    /// The pool.
    #[must_use]
    pub fn pool(&self) -> &Pool<DB> {
        &self.pool
    }
}

impl<DB: Database> Source<DB> for Db<DB> {
    fn pool(&self) -> &Pool<DB> {
        &self.pool
    }

    fn limits(&self) -> Limits {
        self.limits
    }

    fn isolation(&self) -> Option<Isolation> {
        self.isolation
    }

    fn retry(&self) -> Retry {
        self.retry
    }

    fn name(&self) -> Option<&str> {
        self.name
    }

    fn after_commit(&self) -> Option<Hook> {
        self.after_commit.as_ref().map(made_later)
    }

    fn after_rollback(&self) -> Option<Hook> {
        self.after_rollback.as_ref().map(made_later)
    }
}

impl<DB: Database> Clone for Db<DB> {
    fn clone(&self) -> Self {
        Self {
            pool: self.pool.clone(),
            after_commit: self.after_commit.clone(),
            after_rollback: self.after_rollback.clone(),
            ..*self
        }
    }
}

impl<DB: Database> fmt::Debug for Db<DB> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Db")
            .field("name", &self.name)
            .field("isolation", &self.isolation)
            .field("limits", &self.limits)
            .field("retry", &self.retry)
            .finish_non_exhaustive()
    }
}
