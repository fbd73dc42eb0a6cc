//! The end of a transaction, within its time.

use std::mem;

use futures_core::future::BoxFuture;
use sqlx::Database;

use super::{Link, Root};
use crate::{
    backend::{self, Damage},
    conclude::{Concluded, End, before, conclude_nothing},
    deadline::Deadline,
    error::{Cause, Error, Kind},
    hooks::When,
    observe::{self, Outcome},
    resolve::Ticket,
    state::Unseen,
};

impl<DB: Database> Root<'_, DB> {
    /// Ends the transaction, within its time.
    pub(crate) async fn end(&mut self, succeeded: bool) -> Result<(), sqlx::Error> {
        let is_open = !matches!(self.link, Link::Idle(_));
        let deadline = self.deadline.filter(|_| is_open);
        if succeeded && deadline.is_some_and(Deadline::is_over) {
            return Err(self.expire());
        }
        if !self.is_settled(succeeded) {
            let settled = before(deadline, self.settle(succeeded)).await;
            if settled.is_none() {
                let expired = self.expire();
                return if succeeded { Err(expired) } else { Ok(()) };
            }
        }
        let end = match self.state.verdict() {
            _ if !succeeded => End::roll_back("the body returned an error"),
            _ if self.state.roll_back && !self.state.is_ended_early() => {
                End::roll_back("it was asked for")
            }
            Some(doomed) => End::RollBack(Some(doomed)),
            None => End::Commit(self.ticket()),
        };
        self.conclude(end, deadline).await
    }

    /// Whether the end can be decided without asking anybody.
    fn is_settled(&self, succeeded: bool) -> bool {
        let unseen = self.state.unseen == Unseen::Connection;
        if succeeded {
            self.state.is_clear() && !unseen
        } else {
            self.state.in_flight.is_none() && !unseen
        }
    }

    fn settle(&mut self, succeeded: bool) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            let survives = backend::of::<DB>().survives_interruption();
            if succeeded {
                self.cleared_up().await;
                if self.state.unseen == Unseen::Connection && !self.state.is_doomed() {
                    self.verify().await;
                }
            } else {
                self.state.notice_interruption(survives);
                if self.state.unseen == Unseen::Connection && !survives {
                    self.verify().await;
                }
            }
        })
    }

    /// What is needed to ask what became of the transaction.
    fn ticket(&self) -> Ticket {
        let transaction = match &self.link {
            Link::Leased(lease) => lease.transaction(),
            _ => None,
        };
        Ticket {
            transaction,
            key: self.state.key.clone(),
        }
    }

    async fn conclude(&mut self, end: End, deadline: Option<Deadline>) -> Result<(), sqlx::Error> {
        // For the caller that does not wait for the answer.
        let unanswered = match &end {
            End::Commit(ticket) => End::Commit(ticket.clone()),
            End::RollBack(None) => End::RollBack(None),
            End::RollBack(Some(_)) => End::RollBack(self.state.verdict()),
        };
        let state = mem::take(&mut self.state);
        let damage = state.damage();
        let concluding = match mem::replace(&mut self.link, Link::Ended) {
            Link::Leased(lease) => before(deadline, lease.conclude(end, damage, state.hooks)).await,
            Link::Borrowed(borrowed) => {
                let concluding = Box::pin(borrowed.conclude(end, damage, state.hooks));
                before(deadline, concluding).await
            }
            Link::Idle(_) | Link::Ended => Some(conclude_nothing(end, state.hooks)),
        };
        let concluded = concluding.unwrap_or_else(|| Concluded::unanswered(unanswered));
        let held = state.opened.map(|opened| opened.elapsed());
        observe::ended(&self.span, concluded.outcome, state.tally, held);
        // They go on behind the deadline, but nobody waits for them there.
        if let Some(hooks) = concluded.hooks.run() {
            before(deadline, hooks).await;
        }
        concluded.answer
    }

    /// The time is over and no COMMIT was sent: what is left is done in the
    /// background, as for a body that was dropped.
    pub(crate) fn expire(&mut self) -> sqlx::Error {
        observe::timed_out();
        let error = || Error::new(Kind::TimedOut);
        self.state
            .hurt(Damage::Scope, || Cause::new(error().into()));
        self.abandon("its time was over");
        error().into()
    }

    /// Rolls back in the background.
    pub(super) fn abandon(&mut self, why: &'static str) {
        let mut state = mem::take(&mut self.state);
        let link = mem::replace(&mut self.link, Link::Ended);
        if let Link::Ended = link {
            return;
        }
        let _inside = self.span.enter();
        let survives = backend::of::<DB>().survives_interruption();
        state.notice_interruption(survives);
        if state.unseen == Unseen::Connection && !survives {
            // What was on its way when the body was dropped was not seen.
            state.forbid(Damage::Connection, Kind::Interrupted);
        }
        observe::rolled_back(why);
        let held = state.opened.map(|opened| opened.elapsed());
        observe::ended(&self.span, Outcome::RolledBack, state.tally, held);
        let damage = state.damage();
        match link {
            Link::Leased(lease) => lease.abandon(damage, state.hooks),
            Link::Borrowed(borrowed) => {
                borrowed.abandon(damage);
                state.hooks.run_in_background(When::RolledBack);
            }
            Link::Idle(_) | Link::Ended => state.hooks.run_in_background(When::RolledBack),
        }
    }
}
