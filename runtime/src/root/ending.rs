//! The end of a transaction, within its time.

use std::{mem, pin::pin};

use sqlx::Database;
use tracing::Span;

use super::{Link, Root};
use crate::{
    backend::{self, Damage},
    before_commit,
    borrowed::Borrowed,
    conclude::{Aborted, Aftermath, Concluded, End, before, conclude_nothing},
    deadline::{Clock, Deadline},
    error::{Cause, Error, Kind},
    finish::FinishOnDrop,
    hooks::{AtRisk, Due, Hooks, When},
    lean::rarely,
    observe::{self, Account, Outcome},
    resolve::Ticket,
    run::{Bounds, Ran, run},
    scope::Core,
};

impl<DB: Database> Root<'_, DB> {
    /// The COMMIT of a transaction whose body succeeded, if there is nothing else to
    /// do or to ask and nobody listens, as for most. What [`end`](Self::end) does
    /// with it is the same, on a longer way.
    #[inline]
    pub(crate) fn commit_at_once(&mut self) -> Option<FinishOnDrop<Concluded>> {
        let is_plain = self.is_settled(true)
            && self.before_commit.is_empty()
            && self.span.is_none()
            && !self.state.roll_back
            && !self.state.terms.resolvable
            && self.state.repeated().is_none()
            && !self.rehearses
            && !self.is_late();
        if !is_plain {
            rarely();
            return None;
        }
        let lease = match mem::replace(&mut self.link, Link::Ended) {
            Link::Leased(lease) => lease,
            other => {
                rarely();
                self.link = other;
                return None;
            }
        };
        let (end, hooks) = (End::Commit(self.ticket()), self.state.take_hooks());
        Some(lease.conclude(end, Damage::None, hooks, Account::default()))
    }

    /// Takes note of what became of that.
    #[inline]
    pub(crate) fn committed(
        &mut self,
        concluded: Option<Concluded>,
    ) -> Result<Result<(), sqlx::Error>, Concluded> {
        self.noted(concluded.unwrap_or_else(|| {
            rarely();
            Concluded::unanswered(End::Commit(self.ticket()), Due::default())
        }))
    }

    /// Takes note of an end, and gives it back if something [follows](Self::follow).
    fn noted(&mut self, concluded: Concluded) -> Result<Result<(), sqlx::Error>, Concluded> {
        self.state.testify(concluded.outcome);
        if self.state.repeated().is_some() || !concluded.hooks.is_empty() {
            rarely();
            return Err(concluded);
        }
        Ok(concluded.answer)
    }

    /// Ends the transaction, within its time.
    pub(crate) async fn end(&mut self, succeeded: bool) -> Result<(), sqlx::Error> {
        if succeeded && self.is_late() {
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
        let early = self.state.proof.is_ended_early();
        if early {
            self.link.suspect();
        }
        let asked = succeeded && self.state.roll_back && !early;
        let failed = !succeeded || refused.is_some() || (verdict.is_some() && !asked);
        let end = match verdict {
            told if self.state.proof.may_be_durable() => {
                End::leave(early, told.filter(|_| succeeded))
            }
            // What the connection is in is not known either.
            told if self.state.proof.is_missing() => {
                End::Leave(Outcome::RolledBack, told.filter(|_| succeeded))
            }
            told if self.state.proof.is_aborted() => End::Aborted(Aborted {
                told: told.filter(|_| succeeded && !asked),
                mark: self.state.proof.mark(),
                succeeded,
            }),
            _ if !succeeded => End::roll_back("the body returned an error"),
            _ if refused.is_some() => End::roll_back("a hook before COMMIT refused"),
            _ if asked => End::roll_back("it was asked for"),
            Some(doomed) => End::RollBack(Some(doomed)),
            None if self.rehearses => {
                self.aftermath = Some(Box::new(Aftermath::of_rehearsal()));
                End::roll_back("the first of two runs")
            }
            None => End::Commit(self.ticket()),
        };
        let answer = self.conclude(end, failed).await;
        refused.map_or(answer, Err)
    }

    /// Whether it is too late for COMMIT.
    fn is_late(&self) -> bool {
        self.time_left().is_some_and(Deadline::is_over)
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
    async fn votes(&mut self) -> Option<Result<(), sqlx::Error>> {
        let mut bounds = Bounds {
            clock: Clock::new(self.deadline),
            frame: Some(self.frame()),
            ..Bounds::default()
        };
        let voted = run(&mut bounds, pin!(before_commit::vote(self, 0))).await;
        let Ran::Returned(voted) = voted else {
            return None;
        };
        Some(voted.map_err(Error::refused))
    }

    /// Waits until the end can be decided; `false` if there is no time for that.
    async fn settled(&mut self, succeeded: bool) -> bool {
        let mut clock = Clock::new(self.time_left());
        self.is_settled(succeeded)
            || before(&mut clock, pin!(self.settle(succeeded)))
                .await
                .is_some()
    }

    /// Whether the end can be decided without asking anybody.
    fn is_settled(&self, succeeded: bool) -> bool {
        let unproven = self.state.proof.is_missing();
        if succeeded {
            self.state.is_clear() && !unproven
        } else {
            self.state.in_flight.is_none() && !unproven
        }
    }

    async fn settle(&mut self, succeeded: bool) {
        let survives = backend::of::<DB>().survives_interruption();
        self.state.notice_interruption(survives);
        if !succeeded {
            // Before anything is asked, which would wait for it.
            self.state.stop();
        }
        if self.state.proof.is_missing() {
            // Asked once, at the last, and more than that.
            self.state.proof.verified();
        }
        if succeeded {
            self.cleared_up().await;
        }
        if self.state.proof.is_missing() && self.state.damage() < Damage::Connection {
            let commits = succeeded && self.commits();
            self.prove(commits, true).await;
        }
    }

    /// What is needed to ask what became of the transaction.
    fn ticket(&self) -> Ticket {
        let number = match &self.link {
            Link::Leased(lease) => lease.number(),
            _ => None,
        };
        Ticket {
            number,
            claim: self.state.claim(),
        }
    }

    async fn conclude(&mut self, end: End, failed: bool) -> Result<(), sqlx::Error> {
        let deadline = self.time_left();
        let unanswered = end.again(|| self.state.verdict());
        let state = &mut self.state;
        let damage = state.damage();
        let mut hooks = state.hooks_of_the_end();
        if !state.proof.is_whole() {
            // Nobody knows what was done out of sight.
            hooks = Hooks::default();
        }
        let account = Account::new(
            self.span.as_ref(),
            state.tally,
            state.opened,
            end.otherwise(),
        );
        // What nobody has waited for goes on once it is known what follows.
        let mut going_on = None;
        let concluding = match mem::replace(&mut self.link, Link::Ended) {
            Link::Leased(lease) => {
                let mut concluding = lease.conclude(end, damage, hooks, account.clone());
                let concluded = before(&mut Clock::new(deadline), &mut concluding).await;
                going_on = Some(concluding);
                concluded.ok_or_else(Due::default)
            }
            Link::Borrowed(borrowed) => {
                rarely();
                Box::pin(conclude_borrowed(borrowed, end, damage, hooks, deadline)).await
            }
            Link::Idle(_) | Link::Ended => Ok(conclude_nothing(end, hooks)),
        };
        let concluded = concluding.unwrap_or_else(|hooks| {
            rarely();
            Concluded::unanswered(unanswered, hooks)
        });
        account.ended(concluded.outcome);
        let answer = match self.noted(concluded) {
            Ok(answer) => answer,
            Err(concluded) => Box::pin(self.follow(concluded, failed, deadline)).await,
        };
        drop(going_on);
        answer
    }

    /// What comes behind the end: another attempt, or the hooks.
    pub(crate) async fn follow(
        &mut self,
        mut concluded: Concluded,
        failed: bool,
        deadline: Option<Deadline>,
    ) -> Result<(), sqlx::Error> {
        if let Some(attempt) = self.state.repeated() {
            let failed = failed && self.state.is_transient();
            let rehearsed = self.aftermath.take().and_then(|after| after.pause);
            let proof = self.state.proof;
            let is_kept = proof.is_aborted() && concluded.outcome != Outcome::RolledBack;
            let may_follow = !proof.may_be_durable() && !is_kept;
            let recent = self.state.recent();
            let pause = rehearsed.or_else(|| {
                let pause = may_follow.then(|| concluded.pause::<DB>(attempt, failed, recent));
                pause.flatten()
            });
            let is_followed = pause.is_some();
            let aftermath = Aftermath::new(&mut concluded, attempt, pause);
            self.aftermath = Some(Box::new(aftermath));
            if is_followed {
                return concluded.answer;
            }
        }
        // They go on behind the deadline, but nobody waits for them there.
        if let Some(hooks) = concluded.hooks.run() {
            before(&mut Clock::new(deadline), hooks).await;
        }
        concluded.answer
    }

    /// The time is over and no COMMIT was sent: what is left is done in the
    /// background, as for a body that was dropped.
    pub(crate) fn expire(&mut self) -> sqlx::Error {
        observe::timed_out();
        let proof = self.state.proof;
        let kind = if proof.is_ended_early() {
            Kind::EndedEarly
        } else if proof.is_missing() {
            Kind::TimedOutUnseen
        } else {
            Kind::TimedOut
        };
        let error = || Error::new(kind);
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
        let span = self.span.clone();
        let _inside = span.as_ref().map(Span::enter);
        let survives = backend::of::<DB>().survives_interruption();
        state.notice_interruption(survives);
        observe::rolled_back(why);
        let (damage, proof) = (state.damage(), state.proof);
        let outcome = if proof.may_be_durable() {
            End::leave(proof.is_ended_early(), None).otherwise()
        } else {
            Outcome::RolledBack
        };
        Account::new(self.span.as_ref(), state.tally, state.opened, outcome).ended(outcome);
        state.testify(outcome);
        let hooks = state.hooks_of_the_end();
        match link {
            Link::Leased(lease) => lease.abandon(damage, proof, hooks),
            Link::Borrowed(borrowed) => {
                let settled = !state.half_read && !state.unsettled && !proof.is_exposed();
                borrowed.abandon(damage, proof, settled);
                if proof.is_whole() {
                    hooks.run_in_background(When::RolledBack);
                }
            }
            Link::Idle(_) | Link::Ended => hooks.run_in_background(When::RolledBack),
        }
    }
}

/// Ends a transaction on a connection of the caller's. Where nobody waits for the
/// answer, gives the hooks that are due all the same.
async fn conclude_borrowed<DB: Database>(
    borrowed: Borrowed<'_, DB>,
    end: End,
    damage: Damage,
    hooks: Hooks,
    deadline: Option<Deadline>,
) -> Result<Concluded, Due> {
    let is_rolled_back = matches!(end, End::RollBack(_));
    let concluding = pin!(borrowed.conclude(end, damage));
    let mut clock = Clock::new(deadline);
    if is_rolled_back {
        // What has no COMMIT is rolled back, whoever waits for that.
        let due = hooks.due(Some(When::RolledBack));
        let Some(concluded) = before(&mut clock, concluding).await else {
            return Err(due);
        };
        return Ok(Concluded {
            hooks: due,
            ..concluded
        });
    }
    let hooks = AtRisk::new(hooks);
    let Some(concluded) = before(&mut clock, concluding).await else {
        return Err(Due::default());
    };
    let hooks = hooks.saved().due(concluded.outcome.when());
    Ok(Concluded { hooks, ..concluded })
}
