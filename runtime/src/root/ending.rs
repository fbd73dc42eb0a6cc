//! The end of a transaction, within its time.

use std::{mem, pin::pin, time::Duration};

use futures_core::future::BoxFuture;
use sqlx::Database;
use tracing::Span;

use super::{Link, Root};
use crate::{
    backend::{self, Damage},
    before_commit,
    conclude::{Concluded, End, before, conclude_nothing},
    deadline::Deadline,
    error::{Cause, Error, Kind},
    hooks::{Due, When},
    observe::{self, Account, Outcome},
    resolve::Ticket,
    run::{Bounds, Ran, run},
    state::Unseen,
};

impl<DB: Database> Root<'_, DB> {
    /// Ends the transaction, within its time.
    pub(crate) async fn end(&mut self, succeeded: bool) -> Result<(), sqlx::Error> {
        if succeeded && self.time_left().is_some_and(Deadline::is_over) {
            return Err(self.expire());
        }
        if !self.settled(succeeded).await {
            let expired = self.expire();
            return if succeeded { Err(expired) } else { Ok(()) };
        }
        let mut refused = None;
        if succeeded && !self.before_commit.is_empty() && self.commits() {
            match self.votes().await {
                Some(Ok(())) if self.settled(true).await => {}
                Some(Err(why)) => refused = Some(why),
                _ => return Err(self.expire()),
            }
        }
        let verdict = self.state.verdict();
        let failed = !succeeded || refused.is_some() || verdict.is_some();
        let end = match verdict {
            _ if !succeeded => End::roll_back("the body returned an error"),
            _ if refused.is_some() => End::roll_back("a hook before COMMIT refused"),
            _ if self.state.roll_back && !self.state.is_ended_early() => {
                End::roll_back("it was asked for")
            }
            Some(doomed) => End::RollBack(Some(doomed)),
            None if self.rehearses => {
                self.pause = Some(Duration::ZERO);
                End::roll_back("the first of two runs")
            }
            None => End::Commit(self.ticket()),
        };
        let answer = self.conclude(end, failed).await;
        refused.map_or(answer, Err)
    }

    /// When the end has to be over, if anything has begun.
    fn time_left(&self) -> Option<Deadline> {
        self.deadline
            .filter(|_| !matches!(self.link, Link::Idle(_)))
    }

    /// Whether it would end in COMMIT, as far as is known.
    fn commits(&self) -> bool {
        !self.state.roll_back && !self.state.is_doomed()
    }

    /// Asks the hooks before COMMIT; nothing if there is no time for that.
    fn votes(&mut self) -> BoxFuture<'_, Option<Result<(), sqlx::Error>>> {
        let bounds = Bounds {
            span: Span::none(),
            deadline: self.deadline,
            refused: None,
        };
        Box::pin(async move {
            let voted = run(bounds, pin!(before_commit::vote(self, 0))).await;
            let Ran::Returned(voted) = voted else {
                return None;
            };
            Some(voted.map_err(Error::refused))
        })
    }

    /// Waits until the end can be decided; `false` if there is no time for that.
    async fn settled(&mut self, succeeded: bool) -> bool {
        let deadline = self.time_left();
        self.is_settled(succeeded) || before(deadline, self.settle(succeeded)).await.is_some()
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

    async fn conclude(&mut self, end: End, failed: bool) -> Result<(), sqlx::Error> {
        let deadline = self.time_left();
        // For the caller that does not wait for the answer.
        let unanswered = match &end {
            End::Commit(ticket) => End::Commit(ticket.clone()),
            End::RollBack(None) => End::RollBack(None),
            End::RollBack(Some(_)) => End::RollBack(self.state.verdict()),
        };
        let state = &mut self.state;
        let damage = state.damage();
        let otherwise = match &end {
            End::Commit(_) => Outcome::Unknown,
            End::RollBack(_) => Outcome::RolledBack,
        };
        let account = Account::new(&self.span, state.tally, state.opened, otherwise);
        let mut hooks = mem::take(&mut state.hooks);
        let mut due = Due::default();
        let concluding = match mem::replace(&mut self.link, Link::Ended) {
            Link::Leased(lease) => {
                let hooks = mem::take(&mut hooks);
                let concluding = lease.conclude(end, damage, hooks, account.clone());
                before(deadline, concluding).await
            }
            Link::Borrowed(borrowed) => {
                if let End::RollBack(_) = end {
                    // What has no COMMIT is rolled back, whoever waits for that.
                    due = mem::take(&mut hooks).due(Some(When::RolledBack));
                }
                before(deadline, Box::pin(borrowed.conclude(end, damage))).await
            }
            Link::Idle(_) | Link::Ended => Some(conclude_nothing(end)),
        };
        let mut concluded = concluding.unwrap_or_else(|| Concluded::unanswered(unanswered));
        due = due.or(hooks.due(concluded.outcome.when()));
        concluded.hooks = concluded.hooks.or(due);
        account.ended(concluded.outcome);
        let state = &mut self.state;
        state.testify(concluded.outcome);
        if let Some(attempt) = &state.attempt {
            let failed = failed && state.transient;
            self.pause =
                self.pause
                    .or(concluded.pause::<DB>(attempt, failed, state.recent.as_deref()));
            if self.pause.is_some() {
                concluded.hooks.forget();
                return concluded.answer;
            }
        }
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
        if let Link::Ended = self.link {
            return;
        }
        let mut state = mem::take(&mut self.state);
        let link = mem::replace(&mut self.link, Link::Ended);
        let _inside = self.span.enter();
        let survives = backend::of::<DB>().survives_interruption();
        state.notice_interruption(survives);
        if state.unseen == Unseen::Connection && !survives {
            // What was on its way when the body was dropped was not seen.
            state.forbid(Damage::Connection, Kind::Interrupted);
        }
        observe::rolled_back(why);
        let outcome = Outcome::RolledBack;
        Account::new(&self.span, state.tally, state.opened, outcome).ended(outcome);
        state.testify(outcome);
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
