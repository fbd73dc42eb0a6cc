//! What a body returned, and what that asks of the transaction.

use tracing::{Instrument, Span};

use sqlx::Database;

use crate::{handle::Access, rarely::rarely, run::Ran, scope::Scope};

/// What a transactional function returns: a `Result` whose error can be made
/// from [`sqlx::Error`].
///
/// Implemented for every `Result<T, E>` with `E: From<sqlx::Error>`. Nothing more
/// is asked of an error type.
#[diagnostic::on_unimplemented(
    message = "a transactional function must return a `Result`, not `{Self}`",
    label = "neither `Ok` nor `Err`: this cannot say whether to commit",
    note = "return `Result<T, E>` with `E: From<sqlx::Error>`: `Ok` commits, `Err` rolls back"
)]
pub trait Outcome: Sized {
    /// Whether to commit.
    #[doc(hidden)]
    fn succeeded(&self) -> bool;

    /// What the caller gets when a success could not be kept.
    #[doc(hidden)]
    fn from_error(error: sqlx::Error) -> Self;
}

impl<T, E: From<sqlx::Error>> Outcome for Result<T, E> {
    fn succeeded(&self) -> bool {
        self.is_ok()
    }

    fn from_error(error: sqlx::Error) -> Self {
        Err(E::from(error))
    }
}

/// What the rules of a function say about what it returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// `Ok` commits, `Err` rolls back.
    Usual,
    /// It matches `commit_on`.
    Commit,
    /// It matches `rollback_on`.
    RollBack,
}

/// Asks the rules about what the body returned.
pub fn judge<R>(ran: Ran<R>, rules: impl FnOnce(&R) -> Verdict) -> Ran<R> {
    match ran {
        Ran::Returned(result) => {
            let verdict = rules(&result);
            Ran::Judged(result, verdict)
        }
        other => other,
    }
}

/// Ends the transaction, or this handle's part of it, as what came of the body
/// asks. The result is only given back once the database has answered.
pub async fn end<A: Access, R: Outcome>(handle: A::Handle<'_>, ran: Ran<R>) -> R {
    finish(&mut A::into_scope(handle), ran).await
}

/// Ends `scope` as what came of the body asks.
pub(crate) async fn finish<DB: Database, R: Outcome>(scope: &mut Scope<'_, DB>, ran: Ran<R>) -> R {
    let span = scope.span().cloned();
    let (succeeded, result) = match ran {
        Ran::Returned(result) => (result.succeeded(), result),
        Ran::Judged(result, verdict) => {
            if verdict == Verdict::RollBack && result.succeeded() {
                scope.core().state().roll_back = true;
            }
            let commits = verdict == Verdict::Commit;
            (commits || result.succeeded(), result)
        }
        Ran::Refused(error) => {
            rarely();
            (false, R::from_error(error))
        }
        Ran::TimedOut => {
            rarely();
            let _inside = span.as_ref().map(Span::enter);
            return R::from_error(scope.expire());
        }
    };
    let ended = match span {
        None => scope.end(succeeded).await,
        Some(span) => Box::pin(scope.end(succeeded).instrument(span)).await,
    };
    match ended {
        Ok(()) => result,
        Err(error) => {
            rarely();
            R::from_error(error)
        }
    }
}
