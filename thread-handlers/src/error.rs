//! What an operation can answer instead of its result.

use sqlx::error::ErrorKind;

use crate::model::Invalid;

/// Why an operation did not do what it was asked.
///
/// Its text and [`code`](Self::code) are meant for the client: they hold no
/// statement, no parameter and no word of a driver. The database's own error
/// is the [`source`](std::error::Error::source), for the log.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AppError {
    /// There is no such thread, or it is another user's: the two look alike,
    /// so nobody learns which ids exist.
    #[error("there is no such thread")]
    NotFound,
    /// The request breaks a rule of the model; nothing was sent.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// The thread has changed since the client, or the title generator, saw
    /// it.
    #[error("the thread has changed: it is at version {found}, not {expected}")]
    VersionConflict {
        /// The version that the request was made for.
        expected: i64,
        /// The version that is stored.
        found: i64,
    },
    /// A row with this key exists already.
    #[error("this exists already")]
    Conflict(#[source] sqlx::Error),
    /// The thread is archived and can only be read.
    #[error("the thread is archived")]
    Archived,
    /// The thread holds nothing that a title could be made from.
    #[error("there is nothing to name the thread after")]
    NothingToName,
    /// Another transaction was in the way; the same request may succeed now.
    #[error("somebody else is changing this; try again")]
    Busy(#[source] sqlx::Error),
    /// The database cannot be reached.
    #[error("the database cannot be reached; try again later")]
    Unavailable(#[source] sqlx::Error),
    /// The connection was lost while the change was being made durable: it may
    /// be stored or not.
    #[error("it is not known whether this was stored; read it back before trying again")]
    OutcomeUnknown(#[source] sqlx::Error),
    /// A write did not touch the one row that it was for.
    #[error("the change could not be stored")]
    NotWritten {
        /// How many rows it touched.
        rows: u64,
    },
    /// Any other failure of the database.
    #[error("the database could not do this")]
    Database(#[source] sqlx::Error),
}

impl AppError {
    /// A stable name of the error, for programs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotFound => "not_found",
            Self::Invalid(_) => "invalid",
            Self::VersionConflict { .. } => "version_conflict",
            Self::Conflict(_) => "conflict",
            Self::Archived => "archived",
            Self::NothingToName => "nothing_to_name",
            Self::Busy(_) => "busy",
            Self::Unavailable(_) => "unavailable",
            Self::OutcomeUnknown(_) => "outcome_unknown",
            Self::NotWritten { .. } | Self::Database(_) => "internal",
        }
    }
}

/// Sorts the database's errors by kind and SQLSTATE or result code, never by
/// their text.
impl From<sqlx::Error> for AppError {
    fn from(error: sqlx::Error) -> Self {
        if sqlx_transactional::Error::find(&error)
            .is_some_and(sqlx_transactional::Error::is_outcome_unknown)
        {
            return Self::OutcomeUnknown(error);
        }
        match &error {
            sqlx::Error::Database(database) => match database.kind() {
                ErrorKind::UniqueViolation => Self::Conflict(error),
                _ if database.code().is_some_and(|code| is_contention(&code)) => Self::Busy(error),
                _ => Self::Database(error),
            },
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed => Self::Unavailable(error),
            _ => Self::Database(error),
        }
    }
}

/// Whether a code says that another transaction was in the way: PostgreSQL's
/// `serialization_failure`, `deadlock_detected` and `lock_not_available`,
/// SQLite's `SQLITE_BUSY`, `SQLITE_LOCKED` and `SQLITE_BUSY_SNAPSHOT`.
fn is_contention(code: &str) -> bool {
    matches!(code, "40001" | "40P01" | "55P03" | "5" | "6" | "517")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_without_a_database_behind_them_are_sorted() {
        for (error, code) in [
            (sqlx::Error::PoolTimedOut, "unavailable"),
            (sqlx::Error::PoolClosed, "unavailable"),
            (sqlx::Error::WorkerCrashed, "unavailable"),
            (
                sqlx::Error::Io(std::io::ErrorKind::UnexpectedEof.into()),
                "unavailable",
            ),
            (sqlx::Error::RowNotFound, "internal"),
            (sqlx::Error::Protocol("secret".into()), "internal"),
        ] {
            let error = AppError::from(error);
            assert_eq!(error.code(), code, "{error:?}");
            assert!(std::error::Error::source(&error).is_some());
            assert!(!error.to_string().contains("secret"));
        }
    }
}
