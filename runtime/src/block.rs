//! The block form, for transactions that are not a whole function.

use std::{fmt::Display, mem, pin::pin};

use sqlx::Database;

use crate::{
    begin::Begin,
    characteristics::{Isolation, Locking},
    end::{Verdict, end, judge},
    handle::{Access, Read, ReadTx, Tx, Write},
    limits::Limits,
    private::{Options, bounds, claim},
    retry::{Attempts, Retry},
    run::run,
};

/// Runs `body` in a transaction begun on `place`, or joined to it.
///
/// Everything said of [`#[transactional]`](macro@crate::transactional) holds:
/// `Ok` commits, `Err`, a panic and a dropped future roll back, and nothing is
/// sent before the first statement.
///
/// ```
/// # async fn run(pool: &sqlx::SqlitePool) -> Result<(), sqlx::Error> {
/// let name = String::from("Ada");
/// let id = sqlx_transactional::transaction(pool, async |tx| {
///     let insert = sqlx::query("insert into users (name) values (?)").bind(&name);
///     Ok::<_, sqlx::Error>(insert.execute(&mut *tx).await?.last_insert_rowid())
/// })
/// .await?;
/// # let _ = id; Ok(())
/// # }
/// ```
///
/// # Errors
///
/// The body's, or the error of beginning or ending the transaction.
pub async fn transaction<DB, P, T, E, F>(place: P, body: F) -> Result<T, E>
where
    DB: Database,
    P: Begin<Write<DB>>,
    E: From<sqlx::Error>,
    F: AsyncFnOnce(&mut Tx<'_, DB>) -> Result<T, E>,
{
    on(place).run(body).await
}

/// Runs `body` in a transaction that only reads; otherwise as [`transaction`].
///
/// # Errors
///
/// The body's, or the error of beginning or ending the transaction.
pub async fn read<DB, P, T, E, F>(place: P, body: F) -> Result<T, E>
where
    DB: Database,
    P: Begin<Read<DB>>,
    E: From<sqlx::Error>,
    F: AsyncFnOnce(&mut ReadTx<'_, DB>) -> Result<T, E>,
{
    on(place).read(body).await
}

/// A block with options: see [`on`].
#[derive(Debug)]
#[must_use = "nothing happens before `run` or `read`"]
pub struct Block<P, C = Never, R = Never, M = Once> {
    place: P,
    options: Options,
    key: Option<String>,
    settings: Vec<(&'static str, String)>,
    commit_on: C,
    rollback_on: R,
    runs: M,
}

/// The block form with options: `on(&pool).name("transfer").run(async |tx| …)`.
///
/// They are those of the [attribute](macro@crate::transactional). One that the
/// engine does not have is refused before `body` is called, as
/// [`is_unsupported`](crate::Error::is_unsupported), because which engine it is
/// shows only when the block is run.
///
/// ```
/// use sqlx_transactional::{Isolation, Retry, on};
///
/// # async fn run(pool: &sqlx::PgPool) -> Result<(), sqlx::Error> {
/// let amount = 5;
/// let left: i64 = on(pool)
///     .name("withdraw")
///     .isolation(Isolation::Serializable)
///     .setting("app.user", "Ada")
///     .retry(Retry::new().attempts(10))
///     .rollback_on(|left: &Result<i64, sqlx::Error>| matches!(left, Ok(left) if *left < 0))
///     .run(async |tx| {
///         let update = "update accounts set balance = balance - $1 returning balance";
///         sqlx::query_scalar(update).bind(amount).fetch_one(tx).await
///     })
///     .await?;
/// # let _ = left; Ok(())
/// # }
/// ```
pub fn on<P>(place: P) -> Block<P> {
    Block {
        place,
        options: Options::new("transaction"),
        key: None,
        settings: Vec::new(),
        commit_on: Never,
        rollback_on: Never,
        runs: Once,
    }
}

impl<P, C, R, M> Block<P, C, R, M> {
    /// The name in spans; `transaction` if there is none.
    pub fn name(mut self, name: &'static str) -> Self {
        self.options.name = name;
        self
    }

    /// Inside a transaction, makes a savepoint instead of joining: the block's
    /// failure then undoes only the self.
    pub fn savepoint(mut self) -> Self {
        self.options = self.options.savepoint();
        self
    }

    /// With at least this isolation.
    pub fn isolation(mut self, isolation: Isolation) -> Self {
        self.options = self.options.isolation(isolation);
        self
    }

    /// PostgreSQL, for a serializable [`read`](Block::read): waits for a snapshot
    /// in which it cannot fail, and then cannot (manual, SET TRANSACTION).
    pub fn deferrable(mut self) -> Self {
        self.options.special().characteristics.deferrable = true;
        self
    }

    /// SQLite: takes each lock when it is needed (`BEGIN DEFERRED`).
    pub fn deferred(self) -> Self {
        self.locking(Locking::Deferred)
    }

    /// SQLite: takes the lock of the one who writes at once (`BEGIN IMMEDIATE`).
    pub fn immediate(self) -> Self {
        self.locking(Locking::Immediate)
    }

    /// SQLite: keeps others from reading as well, unless there is a write-ahead
    /// log (`BEGIN EXCLUSIVE`).
    pub fn exclusive(self) -> Self {
        self.locking(Locking::Exclusive)
    }

    fn locking(mut self, locking: Locking) -> Self {
        self.options.special().characteristics.locking = Some(locking);
        self
    }

    /// PostgreSQL: gives a setting its value for as long as the transaction lasts.
    pub fn setting(mut self, name: &'static str, value: impl Display) -> Self {
        self.settings.push((name, value.to_string()));
        self
    }

    /// Limits in time; see [`Limits`] for what keeps each.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.options.special().limits = limits;
        self
    }

    /// Runs `body` again after a failure that goes away. It is cloned for each
    /// attempt, with what it captured by value.
    pub fn retry(mut self, retry: Retry) -> Block<P, C, R, Again> {
        self.options.special().retry = Some(retry);
        Block {
            place: self.place,
            options: self.options,
            key: self.key,
            settings: self.settings,
            commit_on: self.commit_on,
            rollback_on: self.rollback_on,
            runs: Again,
        }
    }

    /// PostgreSQL: makes an outcome that is not known one that can be
    /// [resolved](crate::Error::resolve).
    pub fn resolvable(mut self) -> Self {
        self.options.special().resolvable = true;
        self
    }

    /// Does the work once for each `key`: see [`keys`](crate::keys).
    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.key = Some(key.into());
        self
    }

    /// Commits also where `body` returns an `Err` of which this is true.
    pub fn commit_on<T, E, F>(self, matches: F) -> Block<P, F, R, M>
    where
        F: Fn(&Result<T, E>) -> bool,
    {
        Block {
            place: self.place,
            options: self.options,
            key: self.key,
            settings: self.settings,
            commit_on: matches,
            rollback_on: self.rollback_on,
            runs: self.runs,
        }
    }

    /// Rolls back also where `body` returns an `Ok` of which this is true.
    pub fn rollback_on<T, E, F>(self, matches: F) -> Block<P, C, F, M>
    where
        F: Fn(&Result<T, E>) -> bool,
    {
        Block {
            place: self.place,
            options: self.options,
            key: self.key,
            settings: self.settings,
            commit_on: self.commit_on,
            rollback_on: matches,
            runs: self.runs,
        }
    }
}

/// The body of a block runs once.
#[derive(Clone, Copy, Debug)]
pub struct Once;

/// The body of a block is run again after a failure that goes away: see
/// [`Block::retry`].
#[derive(Clone, Copy, Debug)]
pub struct Again;

/// What a rule that was not given matches.
#[derive(Clone, Copy, Debug)]
pub struct Never;

/// A rule about what a body returned: a closure, or [`Never`].
pub trait Matches<R> {
    #[doc(hidden)]
    fn matches(&self, returned: &R) -> bool;
}

impl<R> Matches<R> for Never {
    fn matches(&self, _: &R) -> bool {
        false
    }
}

impl<R, F: Fn(&R) -> bool> Matches<R> for F {
    fn matches(&self, returned: &R) -> bool {
        self(returned)
    }
}

fn verdict<V>(commit_on: &impl Matches<V>, rollback_on: &impl Matches<V>, returned: &V) -> Verdict {
    if rollback_on.matches(returned) {
        Verdict::RollBack
    } else if commit_on.matches(returned) {
        Verdict::Commit
    } else {
        Verdict::Usual
    }
}

macro_rules! forms {
    ($(#[doc = $doc:literal] $run:ident: $handle:ident, $access:ident;)*) => {
        impl<P, C, R> Block<P, C, R, Once> {$(
            #[doc = $doc]
            ///
            /// # Errors
            ///
            /// The body's, or the error of beginning or ending the transaction.
            pub async fn $run<DB, T, E, F>(mut self, body: F) -> Result<T, E>
            where
                DB: Database,
                P: Begin<$access<DB>>,
                E: From<sqlx::Error>,
                C: Matches<Result<T, E>>,
                R: Matches<Result<T, E>>,
                F: AsyncFnOnce(&mut $handle<'_, DB>) -> Result<T, E>,
            {
                let mut tx = self.place.begin(self.options);
                for (name, value) in mem::take(&mut self.settings) {
                    $access::<DB>::scope(&mut tx).set(name, value);
                }
                let mut bounds = bounds::<$access<DB>>(&mut tx, self.options);
                let key = self.key.take();
                let body = async {
                    if let Some(key) = key
                        && let Some(failed) = claim::<$access<DB>, _>(&mut tx, key).await
                    {
                        return failed;
                    }
                    body(&mut tx).await
                };
                let ran = run(&mut bounds, pin!(body)).await;
                let ran = judge::<$access<DB>, _>(&mut tx, ran, |returned| {
                    verdict(&self.commit_on, &self.rollback_on, returned)
                });
                end::<$access<DB>, _>(tx, &mut bounds, ran).await
            }
        )*}

        impl<P, C, R> Block<P, C, R, Again> {$(
            #[doc = $doc]
            ///
            /// # Errors
            ///
            /// The body's in its last attempt, or the error of beginning or ending
            /// the transaction.
            pub async fn $run<DB, T, E, F>(mut self, body: F) -> Result<T, E>
            where
                DB: Database,
                P: Begin<$access<DB>>,
                E: From<sqlx::Error>,
                C: Matches<Result<T, E>>,
                R: Matches<Result<T, E>>,
                F: AsyncFnOnce(&mut $handle<'_, DB>) -> Result<T, E> + Clone,
            {
                let mut attempts = Attempts::new(self.options);
                loop {
                    let mut tx = self.place.begin(attempts.options());
                    for (name, value) in &self.settings {
                        $access::<DB>::scope(&mut tx).set(name, value.clone());
                    }
                    let mut bounds = bounds::<$access<DB>>(&mut tx, self.options);
                    let (key, body) = (self.key.clone(), body.clone());
                    let body = async {
                        if let Some(key) = key
                            && let Some(failed) = claim::<$access<DB>, _>(&mut tx, key).await
                        {
                            return failed;
                        }
                        body(&mut tx).await
                    };
                    let ran = run(&mut bounds, pin!(body)).await;
                    let ran = judge::<$access<DB>, _>(&mut tx, ran, |returned| {
                        verdict(&self.commit_on, &self.rollback_on, returned)
                    });
                    let ended = attempts.end::<$access<DB>, _>(tx, &mut bounds, ran).await;
                    if let Some(returned) = ended {
                        return returned;
                    }
                }
            }
        )*}
    };
}

forms! {
    /// Runs `body` in a transaction that reads and writes.
    run: Tx, Write;
    /// Runs `body` in a transaction that only reads.
    read: ReadTx, Read;
}
