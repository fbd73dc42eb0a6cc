//! A savepoint that stands for a whole transaction, inside one of a test's.

use std::{mem, pin::pin};

use sqlx::Database;

use super::{Savepoint, roll_back_to};
use crate::{
    backend::{self, Damage, Extras, Mode, Terms},
    before_commit::vote,
    conclude::before,
    deadline::Clock,
    error::{Error, Kind},
    hooks::{Due, When},
    observe::{Outcome, Tally},
    private::{Options, Special},
    run::{Bounds, Ran, run},
    scope::Core,
    state::State,
    testing::Witness,
    waits::Frame,
};

/// What the enclosing transaction gets back.
pub(super) struct Alone {
    tally: Tally,
    witness: Option<Box<Witness>>,
}

impl<'c, DB: Database> Savepoint<'c, DB> {
    /// A savepoint with the terms of a function that is called in a test.
    pub(crate) fn alone(root: &'c mut (dyn Core<DB> + 'c), mode: Mode, options: &Options) -> Self {
        let state = root.state();
        let special = options.special.unwrap_or(Special::NOTHING);
        let asked = Extras {
            characteristics: special.characteristics,
            limits: special.limits,
            resolvable: special.resolvable,
            ..Extras::NOTHING
        };
        state.set_part(Some(Terms::new(mode, asked)));
        if special.limits.interrupt::<DB>() {
            state.want_interrupt();
        }
        let alone = Alone {
            tally: mem::take(&mut state.tally),
            witness: state.swap_witness(Witness::of(options.name)),
        };
        let mut savepoint = Self::new(root, options);
        // It joins nothing.
        savepoint.refused = None;
        savepoint.alone = Some(Box::new(alone));
        savepoint
    }

    /// The place of its body among the waits for a pool, where this stands for a
    /// transaction.
    pub(crate) fn own_frame(&self) -> Option<Frame> {
        self.alone.as_ref().map(|_| self.frame())
    }

    /// What was asked for, where this stands for a transaction.
    fn own(&mut self) -> Option<&Terms> {
        self.alone.as_ref()?;
        self.parent.state().part()
    }

    /// Why its body is not called, as it would not be elsewhere.
    pub(super) fn unsupported(&mut self) -> Option<Kind> {
        let unsupported = backend::of::<DB>().unsupported(self.own()?);
        unsupported.map(Kind::Unsupported)
    }

    /// What is sent behind the statement that sets it.
    pub(super) fn settings_sql(&mut self) -> String {
        let own = self.own();
        own.map_or_else(String::new, |own| own.settings.to_sql())
    }

    /// What is sent behind the statement that releases it.
    pub(super) fn reset_sql(&mut self) -> String {
        let own = self.own();
        own.map_or_else(String::new, |own| own.settings.to_reset_sql())
    }

    /// Ends as a transaction does: with votes before, and hooks behind. Gives
    /// nothing if there is no time for that.
    pub(super) async fn end_alone(
        &mut self,
        succeeded: bool,
        clock: &mut Clock,
    ) -> Option<Result<(), sqlx::Error>> {
        let mut refused = None;
        let state = self.parent.state();
        state.notice_interruption(backend::of::<DB>().survives_interruption());
        if succeeded && state.proof.is_missing() {
            // What it says is in the state as well.
            let _ = before(clock, self.parent.ready()).await?;
        }
        let state = self.parent.state();
        if succeeded && !state.roll_back && !state.is_doomed() {
            let mut bounds = Bounds {
                clock: Clock::new(clock.deadline()),
                frame: self.own_frame(),
                ..Bounds::default()
            };
            let since = self.votes;
            let Ran::Returned(answer) = run(&mut bounds, pin!(vote(self, since))).await else {
                return None;
            };
            refused = answer.err();
        }
        let commits = succeeded && refused.is_none() && !self.parent.state().roll_back;
        let succeeds = succeeded && refused.is_none();
        let ended = before(clock, pin!(self.end_part(succeeds))).await;
        let (mut answer, mut due) = ended?;
        let is_kept = commits && answer.is_ok();
        before(clock, pin!(self.prove_part(is_kept))).await?;
        let state = self.parent.state();
        let (is_early, is_whole) = (state.proof.is_ended_early(), state.proof.is_whole());
        // A rollback that was asked for may not have undone the work; and what else ended
        // it is told before whatever went wrong then.
        let replaces = is_kept || (succeeded && (is_early || (!is_whole && answer.is_ok())));
        if replaces && let Some(doomed) = state.verdict() {
            answer = Err(doomed.into());
            due = due.instead(When::RolledBack);
        }
        if !is_whole {
            due.forget();
        } else if let Some(hooks) = due.run() {
            // They go on behind its time, but nobody waits for them there.
            before(clock, hooks).await;
        }
        let refused = refused.filter(|_| !is_early);
        Some(refused.map_or(answer, |why| Err(Error::refused(why))))
    }

    /// Its own savepoint was there at its end, which proves whose transaction it was. What
    /// is left to ask is whether the answers are in step. If it could not be gone back to,
    /// nothing is proven.
    async fn prove_part(&mut self, kept: bool) {
        let (number, level) = (self.number, self.parent.level());
        let is_lost = |state: &mut State| state.damage() >= Damage::Connection;
        if !self.parent.state().proof.is_missing() || is_lost(self.parent.state()) {
            return;
        }
        if let ((Some(connection), state), Some(number)) = (self.parent.parts(), number)
            && state.damage() >= Damage::Transaction
        {
            roll_back_to::<DB>(connection, state, level, number).await;
        }
        let state = self.parent.state();
        if state.proof.is_missing() && !is_lost(state) {
            self.parent.prove(kept, false).await;
        }
    }

    /// Gives the enclosing transaction its own back, and the hooks that are due.
    pub(super) fn leave(&mut self, kept: bool) -> Due {
        let Some(alone) = self.alone.take() else {
            return Due::default();
        };
        let outcome = if kept {
            Outcome::Committed
        } else {
            Outcome::RolledBack
        };
        let mark = self.hooks;
        let state = self.parent.state();
        state.testify(outcome);
        let hooks = state.take_hooks_since(mark);
        state.set_part(None);
        state.tally = alone.tally;
        state.swap_witness(alone.witness);
        hooks.due(outcome.when())
    }
}
