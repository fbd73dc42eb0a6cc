//! What only this crate can say about a transaction.

mod kind;

use std::{borrow::Cow, error::Error as StdError, fmt, sync::Arc};

use sqlx::error::{BoxDynError, DatabaseError, ErrorKind};

pub(crate) use self::kind::Kind;
use crate::resolve::Ticket;

/// An answer that no engine gives: the transaction's own.
///
/// It travels inside [`sqlx::Error::Database`], so that `E: From<sqlx::Error>`
/// is all an annotated function asks of its error type. [`Error::find`] gets it
/// back out of whatever that type made of it.
///
/// ```
/// # fn handle(error: &(dyn std::error::Error + 'static)) {
/// match sqlx_transactional::Error::find(error) {
///     Some(found) if found.is_outcome_unknown() => { /* ask the database before trying again */ }
///     Some(found) => eprintln!("{} {found}", found.sqlstate()),
///     None => { /* the database's own error, or the application's */ }
/// }
/// # }
/// ```
///
/// Every kind has an SQLSTATE (ISO/IEC 9075-2, section 24; PostgreSQL manual,
/// appendix A), the same on every engine: see [`Error::sqlstate`].
#[derive(Debug)]
pub struct Error {
    kind: Kind,
    cause: Option<Cause>,
    /// What a hook said that refused the commit.
    veto: Option<BoxDynError>,
    attempts: Option<u32>,
    /// Tells its transaction that it has not been dropped.
    #[expect(dead_code, reason = "that it is there is all it says")]
    carrier: Option<Arc<()>>,
    /// What is needed to find out what an unknown outcome was.
    pub(crate) ticket: Ticket,
    /// The same of earlier attempts of the call whose outcome is unknown too.
    pub(crate) earlier: Vec<Ticket>,
}

/// The first error of a transaction, kept while others refer to it.
pub(crate) type Cause = Arc<sqlx::Error>;

impl Error {
    pub(crate) fn new(kind: Kind) -> Self {
        Self {
            kind,
            cause: None,
            veto: None,
            attempts: None,
            carrier: None,
            ticket: Ticket::default(),
            earlier: Vec::new(),
        }
    }

    pub(crate) fn because(kind: Kind, cause: Cause) -> Self {
        Self {
            cause: Some(cause),
            ..Self::new(kind)
        }
    }

    pub(crate) fn unknown(cause: Cause, ticket: Ticket) -> Self {
        Self {
            ticket,
            ..Self::because(Kind::OutcomeUnknown, cause)
        }
    }

    /// The same once more, if it is about an outcome that is not known.
    pub(crate) fn copy_of_unknown(&self) -> Option<Self> {
        let cause = self.cause.clone().filter(|_| self.is_outcome_unknown())?;
        Some(Self {
            earlier: self.earlier.clone(),
            ..Self::unknown(cause, self.ticket.clone())
        })
    }

    /// With what is needed to find out what `earlier` is about.
    pub(crate) fn joined(mut self, earlier: Self) -> Self {
        self.earlier.extend(earlier.earlier);
        self.earlier.push(earlier.ticket);
        self
    }

    /// What went wrong in an attempt that could be repeated.
    pub(crate) fn transient(error: sqlx::Error, attempts: u32) -> Self {
        Self::because(Kind::Transient, Arc::new(error)).after(Some(attempts))
    }

    /// What the caller is told when a hook refuses the commit.
    pub(crate) fn refused(why: BoxDynError) -> sqlx::Error {
        match why.downcast() {
            Ok(error) => *error,
            Err(why) => sqlx::Error::from(Self {
                veto: Some(why),
                ..Self::new(Kind::Vetoed)
            }),
        }
    }

    /// The same, with the number of attempts.
    pub(crate) fn after(self, attempts: Option<u32>) -> Self {
        Self { attempts, ..self }
    }

    /// The same, and as long as it is there its transaction knows.
    pub(crate) fn carried_by(self, carrier: Arc<()>) -> Self {
        let carrier = Some(carrier);
        Self { carrier, ..self }
    }

    /// Finds this crate's error in `error` or anywhere down its chain of
    /// [`source`](StdError::source)s.
    ///
    /// Wrapping in `anyhow`, in an enum of the application's or in a box loses
    /// nothing, as long as `source` leads back to the [`sqlx::Error`].
    #[must_use]
    pub fn find<'e>(error: &'e (dyn StdError + 'static)) -> Option<&'e Self> {
        let mut next = Some(error);
        while let Some(error) = next {
            let found = error
                .downcast_ref::<Self>()
                .or_else(|| {
                    let error = error.downcast_ref::<sqlx::Error>()?;
                    error.as_database_error()?.try_downcast_ref()
                })
                .or_else(|| {
                    let error = error.downcast_ref::<Box<dyn DatabaseError>>()?;
                    error.try_downcast_ref()
                });
            if found.is_some() {
                return found;
            }
            next = error.source();
        }
        None
    }

    /// The transaction cannot commit: an earlier failure inside it was not
    /// returned to the caller (25P02, `in_failed_sql_transaction`).
    ///
    /// Given by every statement after that failure, which is then not sent, and
    /// instead of the body's `Ok` at the end, after ROLLBACK. The
    /// [`source`](StdError::source) is the first failing statement's error.
    #[must_use]
    pub fn is_doomed(&self) -> bool {
        matches!(
            self.kind,
            Kind::Refused
                | Kind::Doomed
                | Kind::Interrupted
                | Kind::JoinedFailed(_)
                | Kind::JoinedDropped(_)
                | Kind::SavepointInterrupted
        )
    }

    /// COMMIT was sent and the connection was lost before the answer: the work
    /// is either durable or gone (08007, `transaction_resolution_unknown`).
    ///
    /// Running it again is safe only if doing it twice is, or if it has an
    /// [idempotency key](crate::keys); one with a key on a pool has asked by itself
    /// until its deadline. [`resolve`](Error::resolve) finds out what happened,
    /// where that is possible.
    #[must_use]
    pub fn is_outcome_unknown(&self) -> bool {
        self.kind == Kind::OutcomeUnknown
    }

    /// Something ended the transaction before its end: COMMIT or ROLLBACK through
    /// [`connection()`](crate::Tx::connection), or a statement that commits
    /// implicitly on MySQL (25P01, `no_active_sql_transaction`).
    ///
    /// What that something committed is committed. A statement of the handle's
    /// behind it is not sent. Neither kind of hook runs, and the function is not
    /// run again. A body that returns `Err` keeps its own error; the span's outcome
    /// is `ended_early`.
    #[must_use]
    pub fn is_ended_early(&self) -> bool {
        self.kind == Kind::EndedEarly
    }

    /// The statement's text would have begun or ended a transaction; it was not
    /// sent (2D000, `invalid_transaction_termination`). On MySQL that is so of a SET of
    /// `autocommit` or `completion_type` as well, and of MariaDB's BACKUP.
    #[must_use]
    pub fn is_transaction_control(&self) -> bool {
        self.kind == Kind::Control
    }

    /// Something was asked for that the place where this transaction was begun
    /// cannot give (0A000, `feature_not_supported`). A transaction on a pool that is
    /// polled outside a tokio runtime is such a place, too.
    #[must_use]
    pub fn is_unsupported(&self) -> bool {
        matches!(self.kind, Kind::Unsupported(_))
    }

    /// The call, a statement, or the wait for a lock took longer than its limit
    /// (57014, `query_canceled`; 55P03, `lock_not_available`). The transaction is
    /// rolled back: no COMMIT was sent. Nobody can be asked any more what was committed on
    /// [`connection()`](crate::Tx::connection), or by a statement that commits implicitly;
    /// the message says so where that may be.
    ///
    /// Limits that the engine keeps give the engine's own error instead:
    /// PostgreSQL's 57014, 55P03 and 25P03, MySQL's 1205.
    #[must_use]
    pub fn is_timed_out(&self) -> bool {
        matches!(
            self.kind,
            Kind::TimedOut | Kind::TimedOutUnseen | Kind::StatementTimedOut | Kind::LockTimedOut
        )
    }

    /// A call with the same [idempotency key](crate::keys) has committed before
    /// (23505, `unique_violation`). This one did nothing.
    #[must_use]
    pub fn is_already_done(&self) -> bool {
        self.kind == Kind::AlreadyDone
    }

    /// A second transaction was begun on a pool inside another one on the same
    /// pool, by the same task, and the pool had no connection left (53300,
    /// `too_many_connections`). Waiting for one could have lasted until the
    /// acquire timeout, because whoever holds the others may wait as well.
    #[must_use]
    pub fn is_pool_exhausted(&self) -> bool {
        self.kind == Kind::PoolExhausted
    }

    /// A second transaction was begun on a pool inside another one, where
    /// [`forbid_second_transaction`](crate::testing::forbid_second_transaction)
    /// has made that an error (25001, `active_sql_transaction`).
    #[must_use]
    pub fn is_second_transaction(&self) -> bool {
        self.kind == Kind::SecondTransaction
    }

    /// A [`before_commit`](crate::Tx::before_commit) hook refused the commit, and
    /// the transaction was rolled back (40000, `transaction_rollback`). The
    /// [`source`](StdError::source) is what the hook said.
    #[must_use]
    pub fn is_vetoed(&self) -> bool {
        self.kind == Kind::Vetoed
    }

    /// How often a function with `retry` was run, where that did not help: set in
    /// the error of its last attempt if that failed for a reason that may go
    /// away.
    ///
    /// The error has the words, the code and the constraint of the database's
    /// own, which is its [`source`](StdError::source).
    #[must_use]
    pub fn attempts(&self) -> Option<u32> {
        self.attempts
    }

    /// The five-character SQLSTATE: 25P02, 08007, 25P01, 2D000, 0A000, 57014,
    /// 55P03, 23505, 53300, 25001, 40000 or 22021; where
    /// [`attempts`](Error::attempts) were made for nothing, 40001, 40P01 or 08006.
    #[must_use]
    pub fn sqlstate(&self) -> &'static str {
        self.kind.sqlstate(self.inner())
    }

    /// The database's own error, where this one only adds to it.
    fn inner(&self) -> Option<&dyn DatabaseError> {
        let cause = self
            .cause
            .as_ref()
            .filter(|_| self.kind == Kind::Transient)?;
        cause.as_database_error()
    }

    /// What may be logged: the words, but not the cause's.
    pub(crate) fn to_label(&self) -> String {
        format!("{} ({})", self.sqlstate(), self.kind.text(self.attempts))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.kind.text(self.attempts))?;
        match (&self.cause, &self.veto) {
            (Some(cause), _) => write!(f, ": {cause}"),
            (None, Some(why)) => write!(f, ": {why}"),
            (None, None) => Ok(()),
        }
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        let veto = self.veto.as_deref().map(|why| why as _);
        veto.or_else(|| self.cause.as_deref().map(|cause| cause as _))
    }
}

impl DatabaseError for Error {
    fn message(&self) -> &str {
        match (self.inner(), self.kind.text(self.attempts)) {
            (Some(inner), _) => inner.message(),
            (None, Cow::Borrowed(text)) => text,
            (None, Cow::Owned(_)) if self.kind == Kind::Transient => "the connection was lost",
            (None, Cow::Owned(_)) => "a joined function failed",
        }
    }

    fn code(&self) -> Option<Cow<'_, str>> {
        match self.inner() {
            Some(inner) => inner.code(),
            None => Some(Cow::Borrowed(self.sqlstate())),
        }
    }

    fn as_error(&self) -> &(dyn StdError + Send + Sync + 'static) {
        self
    }

    fn as_error_mut(&mut self) -> &mut (dyn StdError + Send + Sync + 'static) {
        self
    }

    fn into_error(self: Box<Self>) -> Box<dyn StdError + Send + Sync + 'static> {
        self
    }

    fn constraint(&self) -> Option<&str> {
        self.inner()?.constraint()
    }

    fn table(&self) -> Option<&str> {
        self.inner()?.table()
    }

    fn kind(&self) -> ErrorKind {
        match self.kind {
            Kind::AlreadyDone => ErrorKind::UniqueViolation,
            _ => ErrorKind::Other,
        }
    }
}

#[cfg(test)]
mod tests;
