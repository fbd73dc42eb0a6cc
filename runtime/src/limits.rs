//! How long a transaction, and the parts of it, may take.

use std::time::Duration;

use sqlx::Database;
use tokio::time::timeout;

use crate::{
    backend,
    error::{Error, Kind},
};

/// How long a transaction whose place and function name no `timeout` may take.
///
/// Long for a request, short for a mistake: the same as that of .NET's
/// `TransactionManager.DefaultTimeout`.
pub(crate) const DEFAULT_TIMEOUT: Duration = Duration::from_mins(1);

/// How long what was sent before a deadline may still take behind it, unseen by
/// the caller, before the connection is given up.
pub(crate) const GRACE: Duration = Duration::from_millis(400);

/// The time limits of a transaction: options of the attribute and of a block,
/// and the defaults of a [`Source`](crate::Source). What is `None` is not said.
///
/// | limit | of | enforced by |
/// |---|---|---|
/// | `timeout` | the whole call, COMMIT included; 60 s if nobody says otherwise | a timer here; PostgreSQL's `idle_in_transaction_session_timeout`, and from 17 on `transaction_timeout`, as well |
/// | `statement_timeout` | each statement | PostgreSQL; elsewhere a timer here |
/// | `lock_timeout` | each wait for a lock | PostgreSQL; `innodb_lock_wait_timeout` in whole seconds; SQLite: a timer here, for the one lock that BEGIN takes |
/// | `idle_timeout` | each pause between statements | PostgreSQL alone |
///
/// PostgreSQL's limits for `timeout` are a second longer: they are there for a line that is
/// dead, loosen no stricter limit of the role's, and are not set on a connection of the
/// caller's. On SQLite a `timeout` or `statement_timeout` takes the place of the connection's
/// progress handler: see `pool::progress_handler`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Of the whole call, from its beginning to the answer to COMMIT.
    pub timeout: Option<Duration>,
    /// Of each statement.
    pub statement_timeout: Option<Duration>,
    /// Of each wait for a lock.
    pub lock_timeout: Option<Duration>,
    /// Of each pause between two statements.
    pub idle_timeout: Option<Duration>,
}

impl Limits {
    /// None at all.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            timeout: None,
            statement_timeout: None,
            lock_timeout: None,
            idle_timeout: None,
        }
    }

    /// With this limit for the whole call.
    #[must_use]
    pub const fn timeout(mut self, limit: Duration) -> Self {
        self.timeout = Some(limit);
        self
    }

    /// With this limit for each statement.
    #[must_use]
    pub const fn statement_timeout(mut self, limit: Duration) -> Self {
        self.statement_timeout = Some(limit);
        self
    }

    /// With this limit for each wait for a lock.
    #[must_use]
    pub const fn lock_timeout(mut self, limit: Duration) -> Self {
        self.lock_timeout = Some(limit);
        self
    }

    /// With this limit for each pause between two statements, which PostgreSQL
    /// alone can keep: elsewhere the transaction does not begin.
    #[must_use]
    pub const fn idle_timeout(mut self, limit: Duration) -> Self {
        self.idle_timeout = Some(limit);
        self
    }

    /// These, and those of `place` where these say nothing.
    #[inline]
    pub(crate) fn or(self, place: Self) -> Self {
        Self {
            timeout: self.timeout.or(place.timeout),
            statement_timeout: self.statement_timeout.or(place.statement_timeout),
            lock_timeout: self.lock_timeout.or(place.lock_timeout),
            idle_timeout: self.idle_timeout.or(place.idle_timeout),
        }
    }

    /// What comes of `beginning` within the time that a wait for a lock may take:
    /// in an embedded engine the one wait is that of BEGIN, and nothing there ends
    /// it.
    #[inline]
    pub(crate) async fn begun<DB: Database, T>(
        &self,
        beginning: impl Future<Output = Result<T, sqlx::Error>>,
    ) -> Result<T, sqlx::Error> {
        match self.lock_timeout {
            Some(limit) if backend::of::<DB>().is_embedded() => {
                let begun = timeout(limit, beginning).await;
                begun.unwrap_or_else(|_| Err(Error::new(Kind::LockTimedOut).into()))
            }
            _ => beginning.await,
        }
    }

    /// Whether a timer here keeps one of those that a statement can pass.
    pub(crate) fn are_timed<DB: Database>(&self) -> bool {
        let statement = self.statement_timeout.is_some();
        self.timeout.is_some() || (statement && !backend::of::<DB>().limits_statements())
    }

    /// Whether statements have to be ended in this process when their time is over.
    pub(crate) fn interrupt<DB: Database>(&self) -> bool {
        backend::of::<DB>().is_embedded() && self.are_timed::<DB>()
    }

    /// The first limit that is set at BEGIN and that `open`, those of the
    /// transaction that is open, do not keep.
    pub(crate) fn beyond(&self, open: &Self) -> Option<&'static str> {
        let stricter = |asked: Option<Duration>, given: Option<Duration>| {
            asked.is_some_and(|asked| given.is_none_or(|given| asked < given))
        };
        if stricter(self.statement_timeout, open.statement_timeout) {
            Some("its `statement_timeout` is shorter than that of the transaction it joins")
        } else if stricter(self.lock_timeout, open.lock_timeout) {
            Some("its `lock_timeout` is shorter than that of the transaction it joins")
        } else if stricter(self.idle_timeout, open.idle_timeout) {
            Some("its `idle_timeout` is shorter than that of the transaction it joins")
        } else {
            None
        }
    }
}

/// A database that can end a transaction nobody works in: PostgreSQL. Sealed.
#[diagnostic::on_unimplemented(
    message = "`idle_timeout` is an option for PostgreSQL, and this transaction is on `{Self}`",
    label = "cannot end a transaction that is idle",
    note = "`timeout` limits the whole transaction on every engine"
)]
pub trait IdleTimeout: Database + sealed::Sealed {}

mod sealed {
    pub trait Sealed {}
}

#[cfg(feature = "postgres")]
impl sealed::Sealed for sqlx::Postgres {}

#[cfg(feature = "postgres")]
impl IdleTimeout for sqlx::Postgres {}

#[cfg(test)]
mod tests {
    use super::{Duration, Limits};

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn what_the_function_says_goes_before_what_the_place_says() {
        let function = Limits::new().timeout(SECOND);
        let place = Limits::new().timeout(SECOND * 2).lock_timeout(SECOND * 3);
        let both = Limits::new().timeout(SECOND).lock_timeout(SECOND * 3);
        assert_eq!(function.or(place), both);
    }

    #[test]
    fn only_a_shorter_limit_is_beyond_what_is_open() {
        let open = Limits::new().statement_timeout(SECOND).idle_timeout(SECOND);
        assert_eq!(Limits::new().beyond(&open), None);
        assert_eq!(open.beyond(&open), None);
        assert_eq!(
            Limits::new().statement_timeout(SECOND * 2).beyond(&open),
            None
        );
        for shorter in [
            Limits::new().statement_timeout(SECOND / 2),
            Limits::new().lock_timeout(SECOND),
            Limits::new().idle_timeout(SECOND / 2),
        ] {
            assert!(shorter.beyond(&open).is_some(), "{shorter:?}");
        }
        // The timer of the whole call works for a part of it as well.
        assert_eq!(Limits::new().timeout(SECOND / 9).beyond(&open), None);
    }
}
