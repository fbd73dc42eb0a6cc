//! A savepoint that stands for a whole transaction, inside one of a test's.

use std::mem;

use sqlx::Database;

use super::Savepoint;
use crate::{
    backend::{self, Damage, Extras, Mode, Terms},
    before_commit::vote,
    error::{Error, Kind},
    hooks::When,
    observe::{Outcome, Tally},
    private::{Options, Special},
    scope::Core,
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
            ..Extras::NOTHING
        };
        state.set_part(Some(Terms::new(mode, asked)));
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

    /// Ends as a transaction does: with votes before, and hooks behind.
    pub(super) async fn end_alone(&mut self, succeeded: bool) -> Result<(), sqlx::Error> {
        let mut refused = None;
        let state = self.parent.state();
        let mut commits = succeeded && !state.roll_back && !state.is_doomed();
        if commits {
            let votes = self.votes;
            refused = vote(self, votes).await.err();
            commits = refused.is_none();
        }
        let mark = self.hooks;
        let hooks = self.parent.state().take_hooks_since(mark);
        let mut answer = self.end_part(succeeded && refused.is_none()).await;
        self.prove_part(commits && answer.is_ok()).await;
        let state = self.parent.state();
        if commits && answer.is_ok() {
            answer = state.verdict().map_or(Ok(()), |doomed| Err(doomed.into()));
        }
        let is_kept = commits && answer.is_ok();
        let when = if is_kept {
            When::Committed
        } else {
            When::RolledBack
        };
        if !state.proof.is_ended_early() {
            hooks.run(when).await;
        }
        refused.map_or(answer, |why| Err(Error::refused(why)))
    }

    /// Its own savepoint was there at its end, which proves whose transaction it was, or
    /// it was not. What is left to ask is whether the answers are in step.
    async fn prove_part(&mut self, kept: bool) {
        let survives = backend::of::<DB>().survives_interruption();
        let state = self.parent.state();
        if !state.proof.is_missing() {
            return;
        }
        if state.damage() >= Damage::Transaction {
            state.ended_early(survives);
        } else {
            self.parent.prove(kept, false).await;
        }
    }

    /// Gives the enclosing transaction its own back.
    pub(super) fn leave(&mut self, kept: bool) {
        let Some(alone) = self.alone.take() else {
            return;
        };
        let mark = self.hooks;
        let state = self.parent.state();
        state.testify(if kept {
            Outcome::Committed
        } else {
            Outcome::RolledBack
        });
        let hooks = state.take_hooks_since(mark);
        hooks.run_in_background(When::RolledBack);
        state.set_part(None);
        state.tally = alone.tally;
        state.swap_witness(alone.witness);
    }
}
