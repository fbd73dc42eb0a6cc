//! How a transaction ends in the database.

use std::{future::poll_fn, io, mem, pin::Pin, task::Poll, time::Duration};

use sqlx::Database;

use crate::{
    backend,
    deadline::Deadline,
    error::Error,
    hooks::Due,
    observe::{self, Outcome},
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
}

/// A transaction without a statement has no end in the database.
pub(crate) fn conclude_nothing(end: End) -> Concluded {
    let (outcome, answer) = match end {
        End::Commit(_) => (Outcome::Committed, Ok(())),
        End::RollBack(None) => (Outcome::RolledBack, Ok(())),
        End::RollBack(Some(error)) => (Outcome::RolledBack, Err(error.into())),
    };
    Concluded {
        outcome,
        answer,
        hooks: Due::default(),
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
    /// The time is over and `end`, which was sent, is not answered: it goes on in
    /// the background.
    pub(crate) fn unanswered(end: End) -> Self {
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
            hooks: Due::default(),
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

/// The output of `work`, if it comes before `deadline`.
pub(crate) async fn before<F: Future + Unpin>(
    deadline: Option<Deadline>,
    mut work: F,
) -> Option<F::Output> {
    let mut timer = None;
    poll_fn(|context| {
        if let Poll::Ready(output) = Pin::new(&mut work).poll(context) {
            return Poll::Ready(Some(output));
        }
        let Some(deadline) = deadline else {
            return Poll::Pending;
        };
        if timer.is_none() {
            timer = deadline.timer();
        }
        match &mut timer {
            Some(timer) => timer.poll(context).map(|()| None),
            None => Poll::Pending,
        }
    })
    .await
}
