//! What a body returned, and what that asks of the transaction.

use sqlx::Database;
use tracing::{Instrument, Span};

use crate::{
    conclude::before,
    handle::Access,
    lean::rarely,
    run::{Bounds, Ran},
    scope::{AtOnce, Scope},
};

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

/// Asks the rules about what the body returned; not about what was returned instead
/// of calling it.
pub fn judge<A: Access, R>(
    handle: &mut A::Handle<'_>,
    ran: Ran<R>,
    rules: impl FnOnce(&R) -> Verdict,
) -> Ran<R> {
    match ran {
        Ran::Returned(result) if !A::scope(handle).is_unbegun() => {
            let verdict = rules(&result);
            Ran::Judged(result, verdict)
        }
        other => other,
    }
}

/// Ends the transaction, or this handle's part of it, as what came of the body
/// asks. The result is only given back once the database has answered.
pub async fn end<A: Access, R: Outcome>(
    mut handle: A::Handle<'_>,
    bounds: &mut Bounds,
    ran: Ran<R>,
) -> R {
    finish(A::scope(&mut handle), bounds, ran).await
}

/// Ends `scope` as what came of the body asks.
pub(crate) async fn finish<DB: Database, R: Outcome>(
    scope: &mut Scope<'_, DB>,
    bounds: &mut Bounds,
    ran: Ran<R>,
) -> R {
    let (result, succeeded) = match heard(scope, ran) {
        Ok(heard) => heard,
        Err(failed) => return failed,
    };
    if succeeded && scope.is_late(&bounds.clock) {
        rarely();
        return expired(scope);
    }
    let ended = match scope.end_at_once(succeeded) {
        AtOnce::Ended => return result,
        AtOnce::Commits(committing) => {
            let concluded = before(&mut bounds.clock, committing).await;
            match scope.committed(concluded) {
                Ok(answer) => answer,
                Err(concluded) => Box::pin(scope.follow(concluded)).await,
            }
        }
        AtOnce::Later(None) => scope.end(succeeded, &mut bounds.clock).await,
        AtOnce::Later(Some(span)) => {
            let ending = scope.end(succeeded, &mut bounds.clock);
            Box::pin(ending.instrument(span)).await
        }
    };
    match ended {
        Ok(()) => result,
        Err(error) => {
            rarely();
            R::from_error(error)
        }
    }
}

/// What the body returned and whether to commit; what the function returns, if
/// its time was over.
fn heard<DB: Database, R: Outcome>(scope: &mut Scope<'_, DB>, ran: Ran<R>) -> Result<(R, bool), R> {
    Ok(match ran {
        Ran::Returned(result) | Ran::Judged(result, Verdict::Usual) => {
            let succeeded = result.succeeded();
            (result, succeeded)
        }
        Ran::Judged(result, Verdict::Commit) => (result, true),
        Ran::Judged(result, Verdict::RollBack) => {
            let succeeded = result.succeeded();
            if succeeded {
                scope.core().state().roll_back = true;
            }
            (result, succeeded)
        }
        Ran::Refused(error) => {
            rarely();
            (R::from_error(error), false)
        }
        Ran::TimedOut => {
            rarely();
            return Err(expired(scope));
        }
    })
}

/// What the function returns whose time is over.
fn expired<DB: Database, R: Outcome>(scope: &mut Scope<'_, DB>) -> R {
    let span = scope.span().cloned();
    let _inside = span.as_ref().map(Span::enter);
    R::from_error(scope.expire())
}
