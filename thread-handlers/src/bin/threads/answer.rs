//! What the caller of a disturbed operation gets.

use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;
use thread_handlers::{AppError, faults::Panicked};

use crate::{engine::Engine, report::Disturbance};

/// What the caller got, in words, and whether it is what was promised.
pub(crate) struct Gets {
    pub(crate) text: String,
    pub(crate) right: bool,
}

/// What came of a run: its result, or the payload of its panic.
pub(crate) type Answer = std::thread::Result<Result<(), AppError>>;

/// Runs it and catches a panic.
pub(crate) async fn caught(run: impl Future<Output = Result<(), AppError>>) -> Answer {
    AssertUnwindSafe(run).catch_unwind().await
}

impl Gets {
    pub(crate) fn right(text: &str) -> Self {
        Self {
            text: text.to_owned(),
            right: true,
        }
    }

    pub(crate) fn wrong(error: &AppError) -> Self {
        Self {
            text: error.code().to_owned(),
            right: false,
        }
    }

    /// Compares the answer with what the disturbance should lead to: the error
    /// that caused it, unchanged.
    pub(crate) fn of<DB: Engine>(kind: Disturbance, answer: &Answer) -> Self {
        let error = match answer {
            Ok(Ok(())) => {
                return Self {
                    text: "Ok".to_owned(),
                    right: false,
                };
            }
            Ok(Err(error)) => error,
            Err(panic) => {
                let expected = matches!(kind, Disturbance::Panic | Disturbance::CallerPanics);
                return Self {
                    text: "the panic".to_owned(),
                    right: expected && panic.is::<Panicked>(),
                };
            }
        };
        let code = database_code(error).unwrap_or_default();
        match kind {
            Disturbance::Refused => Self {
                right: code == DB::NO_SUCH_TABLE,
                text: format!("the error, {code}"),
            },
            Disturbance::CommitRefused => Self {
                right: code == DB::FOREIGN_KEY,
                text: format!("the error, {code}"),
            },
            Disturbance::Swallowed => Self {
                right: sqlx_transactional::Error::find(error)
                    .is_some_and(sqlx_transactional::Error::is_doomed),
                text: format!("doomed, {code}"),
            },
            Disturbance::CallerFails => Self {
                right: matches!(error, AppError::NothingToName),
                text: "its own error".to_owned(),
            },
            _ => Self::wrong(error),
        }
    }
}

/// The SQLSTATE, or the result code, of the database's error behind `error`.
fn database_code(error: &AppError) -> Option<String> {
    let AppError::Database(error) = error else {
        return None;
    };
    Some(error.as_database_error()?.code()?.into_owned())
}
