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
    error::{Error, Kind},
    hooks::{Due, Hooks},
    observe::{self, Account, Outcome},
    recorded::record,
    resolve::Ticket,
    retry::{Attempt, Pause},
    state::Mark,
};

/// What the body's end asks of the database.
#[derive(Debug)]
pub(crate) enum End {
    Commit(Ticket),
    /// Roll back, and say so with this error if the body claimed success.
    RollBack(Option<Error>),
    /// Something else has ended the transaction, or may have, so that its work may be
    /// durable. What is open is rolled back, and this is told.
    Leave(Outcome, Option<Error>),
    /// The engine has aborted what is open.
    Aborted(Aborted),
}

/// A transaction that the engine has aborted, which cannot be asked whose it is before it
/// has ended.
#[derive(Debug)]
pub(crate) struct Aborted {
    /// What is told if it was the one that began.
    pub(crate) told: Option<Error>,
    /// What tells afterwards whether that one was committed before.
    pub(crate) mark: Option<Mark>,
    /// Whether the body claimed success.
    pub(crate) succeeded: bool,
}

impl Aborted {
    /// How it ended, and what is told. `kept` says whether the one that began was committed,
    /// where that is known.
    pub(crate) fn ended(self, kept: Option<bool>) -> (Outcome, Result<(), sqlx::Error>) {
        let (outcome, told) = match kept {
            Some(false) => return (Outcome::RolledBack, answer(self.told)),
            Some(true) => {
                let told = self.succeeded.then(|| Error::new(Kind::EndedEarly));
                (Outcome::EndedEarly, told)
            }
            None => (Outcome::Unknown, self.told),
        };
        observe::left(outcome);
        (outcome, answer(told))
    }
}

impl End {
    pub(crate) fn roll_back(why: &'static str) -> Self {
        observe::rolled_back(why);
        Self::RollBack(None)
    }

    /// For a transaction that is known to have been ended early, or not known to be the
    /// one that is open.
    pub(crate) fn leave(early: bool, told: Option<Error>) -> Self {
        let outcome = if early {
            Outcome::EndedEarly
        } else {
            Outcome::Unknown
        };
        observe::left(outcome);
        Self::Leave(outcome, told)
    }

    /// The same once more, with the error that `verdict` gives where one is told.
    pub(crate) fn again(&self, verdict: impl FnOnce() -> Option<Error>) -> Self {
        match self {
            Self::Commit(ticket) => Self::Commit(ticket.clone()),
            Self::RollBack(told) => Self::RollBack(told.as_ref().and_then(|_| verdict())),
            Self::Leave(outcome, told) => {
                Self::Leave(*outcome, told.as_ref().and_then(|_| verdict()))
            }
            Self::Aborted(aborted) => Self::Aborted(Aborted {
                told: aborted.told.as_ref().and_then(|_| verdict()),
                ..*aborted
            }),
        }
    }

    /// What became of it where nobody has learned more.
    #[inline]
    pub(crate) fn otherwise(&self) -> Outcome {
        match self {
            Self::Commit(_) => Outcome::Unknown,
            Self::RollBack(_) | Self::Aborted(_) => Outcome::RolledBack,
            Self::Leave(outcome, _) => *outcome,
        }
    }
}

/// A transaction without a statement has no end in the database.
pub(crate) fn conclude_nothing(end: End, hooks: Hooks) -> Concluded {
    let (outcome, answer) = match end {
        End::Commit(_) => (Outcome::Committed, Ok(())),
        End::RollBack(told) => (Outcome::RolledBack, answer(told)),
        End::Leave(outcome, told) => (outcome, answer(told)),
        End::Aborted(aborted) => aborted.ended(Some(false)),
    };
    Concluded {
        outcome,
        is_spent: false,
        answer,
        hooks: hooks.due(outcome.when()),
    }
}

/// What the caller gets of a transaction that did not commit.
pub(crate) fn answer(told: Option<Error>) -> Result<(), sqlx::Error> {
    told.map_or(Ok(()), |error| Err(error.into()))
}

/// What comes behind the end of one of several attempts.
#[derive(Debug, Default)]
pub(crate) struct Aftermath {
    pub(crate) outcome: Option<Outcome>,
    /// How long to wait before the next attempt, if there is to be one.
    pub(crate) pause: Option<Duration>,
    /// What is told of an outcome that is not known.
    pub(crate) unknown: Option<Error>,
    /// The hooks that run if no other attempt follows after all.
    pub(crate) hooks: Due,
    /// The pause, for what goes on of the attempt.
    pub(crate) behind: Option<Pause>,
}

impl Aftermath {
    /// For the first of two runs, which is always followed.
    pub(crate) fn of_rehearsal() -> Self {
        Self {
            pause: Some(Duration::ZERO),
            ..Self::default()
        }
    }

    pub(crate) fn new(
        concluded: &mut Concluded,
        attempt: &Attempt,
        pause: Option<Duration>,
    ) -> Self {
        let error = concluded.answer.as_ref().err();
        let found = error.and_then(|error| Error::find(error));
        Self {
            outcome: Some(concluded.outcome),
            pause,
            unknown: found.and_then(Error::copy_of_unknown),
            hooks: match pause {
                Some(_) => mem::take(&mut concluded.hooks),
                None => Due::default(),
            },
            behind: pause.map(|_| attempt.pause_behind()),
        }
    }
}

/// A transaction that has ended.
#[derive(Debug)]
pub(crate) struct Concluded {
    pub(crate) outcome: Outcome,
    /// Whether the connection was the caller's and is of no use any more, so that no
    /// other attempt can be made.
    pub(crate) is_spent: bool,
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
            is_spent: false,
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
            End::RollBack(told) => (Outcome::RolledBack, answer(told)),
            End::Leave(outcome, told) => (outcome, answer(told)),
            End::Aborted(aborted) => aborted.ended(Some(false)),
        };
        Self {
            outcome,
            is_spent: false,
            answer,
            hooks,
        }
    }

    /// Whether its key was asked for in vain: the next attempt might find it there,
    /// and take its own work for another's.
    fn has_key(&self) -> bool {
        let unknown = self
            .answer
            .as_ref()
            .err()
            .and_then(|error| Error::find(error));
        unknown.is_some_and(|unknown| unknown.ticket.claim.is_some())
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
            Outcome::Unknown if is_idempotent && !self.has_key() => attempt.pause(),
            _ => return None,
        };
        let pause = pause.filter(|_| !self.is_spent);
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
