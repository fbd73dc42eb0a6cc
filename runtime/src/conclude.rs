//! How a transaction ends in the database.

use std::{
    io, mem,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use sqlx::Database;

use crate::{
    backend,
    deadline::Clock,
    error::Error,
    hooks::{Due, Hooks},
    observe::{self, Account, Outcome},
    recorded::record,
    resolve::Ticket,
    retry::Attempt,
};

/// What the body's end asks of the database.
#[derive(Debug)]
pub(crate) enum End {
    Commit(Ticket),
    /// Roll back, and say so with this error if the body claimed success.
    RollBack(Option<Error>),
}

impl End {
    pub(crate) fn roll_back(why: &'static str) -> Self {
        observe::rolled_back(why);
        Self::RollBack(None)
    }

    /// What is needed to ask whether it committed.
    #[inline]
    pub(crate) fn ticket(&self) -> Option<Ticket> {
        match self {
            Self::Commit(ticket) => Some(ticket.clone()),
            Self::RollBack(_) => None,
        }
    }

    /// Whether the body claimed success of what is rolled back.
    #[inline]
    pub(crate) fn is_claimed(&self) -> bool {
        matches!(self, Self::RollBack(Some(_)))
    }

    /// What became of it where nobody has learned more.
    #[inline]
    pub(crate) fn otherwise(&self) -> Outcome {
        match self {
            Self::Commit(_) => Outcome::Unknown,
            Self::RollBack(_) => Outcome::RolledBack,
        }
    }
}

/// A transaction without a statement has no end in the database.
pub(crate) fn conclude_nothing(end: End, hooks: Hooks) -> Concluded {
    let (outcome, answer) = match end {
        End::Commit(_) => (Outcome::Committed, Ok(())),
        End::RollBack(None) => (Outcome::RolledBack, Ok(())),
        End::RollBack(Some(error)) => (Outcome::RolledBack, Err(error.into())),
    };
    Concluded {
        outcome,
        answer,
        hooks: hooks.due(outcome.when()),
    }
}

/// A transaction that has ended.
#[derive(Debug)]
pub(crate) struct Concluded {
    pub(crate) outcome: Outcome,
    pub(crate) answer: Result<(), sqlx::Error>,
    pub(crate) hooks: Due,
}

impl Concluded {
    /// One whose hooks are due, and which `account` is told of.
    #[inline]
    pub(crate) fn new(
        outcome: Outcome,
        answer: Result<(), sqlx::Error>,
        hooks: Hooks,
        account: &Account,
    ) -> Self {
        account.ended(outcome);
        Self {
            outcome,
            answer,
            hooks: hooks.due(outcome.when()),
        }
    }

    /// The time is over and `end`, which was sent, is not answered: it goes on in
    /// the background.
    pub(crate) fn unanswered(end: End, hooks: Due) -> Self {
        let (outcome, answer) = match end {
            End::Commit(ticket) => {
                let cause = timed_out();
                observe::outcome_unknown(&cause);
                let unknown = Error::unknown(record(&cause), ticket);
                (Outcome::Unknown, Err(unknown.into()))
            }
            End::RollBack(answer) => {
                let answer = answer.map_or(Ok(()), |error| Err(error.into()));
                (Outcome::RolledBack, answer)
            }
        };
        Self {
            outcome,
            answer,
            hooks,
        }
    }

    /// How long to wait before the next attempt, if there is to be one; if not,
    /// the answer says how many there were. `failed` says whether the body did,
    /// for a reason that goes away.
    pub(crate) fn pause<DB: Database>(
        &mut self,
        attempt: &Attempt,
        failed: bool,
        cause: Option<&sqlx::Error>,
    ) -> Option<Duration> {
        let refused = self.answer.as_ref().err();
        let refused = refused.is_some_and(|error| backend::of::<DB>().is_transient(error));
        let (is_transient, is_idempotent) = (failed || refused, attempt.retry.idempotent);
        let pause = match self.outcome {
            Outcome::RolledBack if is_transient => attempt.pause(),
            Outcome::Unknown if is_idempotent => attempt.pause(),
            _ => return None,
        };
        if let Some(pause) = pause {
            let cause = self.answer.as_ref().err().or(cause);
            observe::retrying(attempt.number, pause, cause);
        } else if self.outcome == Outcome::RolledBack
            && refused
            && let Err(error) = mem::replace(&mut self.answer, Ok(()))
        {
            // An unknown outcome stays one, however often it was tried.
            self.answer = Err(Error::transient(error, attempt.number).into());
        }
        pause
    }
}

pub(crate) fn timed_out() -> sqlx::Error {
    io::Error::from(io::ErrorKind::TimedOut).into()
}

/// The output of `work`, if it comes before the deadline of `clock`.
#[inline]
pub(crate) fn before<F: Future + Unpin>(clock: &mut Clock, work: F) -> Before<'_, F> {
    Before { work, clock }
}

/// See [`before`].
#[must_use = "futures do nothing unless polled"]
pub(crate) struct Before<'c, F> {
    work: F,
    clock: &'c mut Clock,
}

impl<F: Future + Unpin> Future for Before<'_, F> {
    type Output = Option<F::Output>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if let Poll::Ready(output) = Pin::new(&mut self.work).poll(context) {
            return Poll::Ready(Some(output));
        }
        self.clock.poll(context).map(|()| None)
    }
}
