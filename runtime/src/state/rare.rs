//! The parts of the state that few transactions have.

use std::{
    mem,
    sync::{Arc, Weak},
};

use super::{Doom, State};
use crate::{
    backend::{Interrupt, Terms},
    error::{Cause, Error},
    hooks::{Hooks, When},
    keys::Claim,
    observe::Outcome,
    retry::Attempt,
    testing::Witness,
};

/// What most transactions have nothing of. One look tells that of all of it.
#[derive(Debug, Default)]
pub(super) struct Rare {
    pub(super) doom: Option<Doom>,
    /// An error after which the engine has to be asked whether the transaction
    /// is still there (SQLite).
    pub(super) suspect: Option<Cause>,
    /// The last statement's error that went to the caller, whatever its damage.
    pub(super) recent: Option<Cause>,
    /// Whether the last error of those that are repeated is still there.
    pub(super) carried: Weak<()>,
    pub(super) hooks: Hooks,
    /// What a test wants to know of it.
    pub(super) witness: Option<Box<Witness>>,
    /// What was asked for by the function that stands for a transaction in a test.
    pub(super) part: Option<Box<Terms>>,
    /// Which attempt this is, of a function that is repeated.
    pub(super) attempt: Option<Attempt>,
    /// Ends the statement that runs.
    pub(super) interrupt: Interrupt,
    /// Whether the time of a part is limited, and nothing ends its statements yet.
    pub(super) wants_interrupt: bool,
    /// The idempotency key that was written in it.
    pub(super) claim: Option<Arc<Claim>>,
}

impl State {
    pub(super) fn rare(&mut self) -> &mut Rare {
        self.rare.get_or_insert_default()
    }

    /// What was asked for by the function that stands for a transaction in a test.
    #[inline]
    pub(crate) fn part(&self) -> Option<&Terms> {
        self.rare.as_ref()?.part.as_deref()
    }

    pub(crate) fn part_mut(&mut self) -> Option<&mut Terms> {
        self.rare.as_mut()?.part.as_deref_mut()
    }

    pub(crate) fn set_part(&mut self, part: Option<Terms>) {
        self.rare().part = part.map(Box::new);
    }

    /// Runs `work` after this end of the transaction.
    pub(crate) fn add_hook(&mut self, when: When, work: impl Future<Output = ()> + Send + 'static) {
        self.rare().hooks.push(when, work);
    }

    /// How many hooks there are, to come back to with the two below.
    #[inline]
    pub(crate) fn hooks_mark(&self) -> usize {
        self.rare.as_ref().map_or(0, |rare| rare.hooks.mark())
    }

    /// Drops the hooks registered since `mark`.
    pub(crate) fn forget_hooks_since(&mut self, mark: usize) {
        if let Some(rare) = &mut self.rare {
            rare.hooks.forget_since(mark);
        }
    }

    /// Takes the hooks registered since `mark` away.
    pub(crate) fn take_hooks_since(&mut self, mark: usize) -> Hooks {
        let rare = self.rare.as_mut();
        rare.map_or_else(Hooks::default, |rare| rare.hooks.take_since(mark))
    }

    #[inline]
    pub(crate) fn take_hooks(&mut self) -> Hooks {
        let rare = self.rare.as_mut();
        rare.map_or_else(Hooks::default, |rare| mem::take(&mut rare.hooks))
    }

    /// Takes the hooks for the end of the transaction, or of the attempt.
    pub(crate) fn hooks_of_the_end(&mut self) -> Hooks {
        let mut hooks = self.take_hooks();
        if let Some(attempt) = self.repeated() {
            hooks.of_attempt(attempt);
        }
        hooks
    }

    /// Whether a test wants to know the statements.
    #[inline]
    pub(crate) fn is_watched(&self) -> bool {
        let rare = self.rare.as_ref();
        rare.is_some_and(|rare| rare.witness.is_some())
    }

    /// Tells a test the text of a statement.
    pub(crate) fn note_text(&mut self, text: Option<&str>) {
        let rare = self.rare.as_mut();
        let witness = rare.and_then(|rare| rare.witness.as_mut());
        if let Some((witness, text)) = witness.zip(text) {
            witness.statements.push(text.to_owned());
        }
    }

    /// Has what follows told to `witness`, and gives back whom it was told before.
    pub(crate) fn swap_witness(&mut self, witness: Option<Box<Witness>>) -> Option<Box<Witness>> {
        mem::replace(&mut self.rare().witness, witness)
    }

    #[inline]
    pub(crate) fn is_suspect(&self) -> bool {
        let rare = self.rare.as_ref();
        rare.is_some_and(|rare| rare.suspect.is_some())
    }

    /// The engine was asked whether the transaction is still there.
    pub(crate) fn take_suspect(&mut self) -> Option<Cause> {
        self.rare.as_mut()?.suspect.take()
    }

    /// The last statement's error that went to the caller.
    pub(crate) fn recent(&self) -> Option<&sqlx::Error> {
        self.rare.as_ref()?.recent.as_deref()
    }

    pub(crate) fn take_recent(&mut self) -> Option<Cause> {
        self.rare.as_mut()?.recent.take()
    }

    /// What an error carries to whoever it is given on to.
    pub(super) fn carry(&mut self) -> Arc<()> {
        if let Some(carrier) = self.rare().carried.upgrade() {
            return carrier;
        }
        let carrier = Arc::new(());
        self.rare().carried = Arc::downgrade(&carrier);
        carrier
    }

    /// The error that follows is another one.
    pub(super) fn forget_carrier(&mut self) {
        self.rare().carried = Weak::new();
    }

    /// Whether somebody still has the error.
    pub(super) fn is_carried(&self) -> bool {
        let rare = self.rare.as_ref();
        rare.is_some_and(|rare| rare.carried.strong_count() > 0)
    }

    /// This is an attempt of a function that is repeated.
    pub(crate) fn set_attempt(&mut self, attempt: Attempt) {
        self.rare().attempt = Some(attempt);
    }

    /// What is known of the attempt, of a function that is repeated.
    #[inline]
    pub(crate) fn repeated(&self) -> Option<&Attempt> {
        self.rare.as_ref()?.attempt.as_ref()
    }

    #[inline]
    pub(crate) fn set_interrupt(&mut self, interrupt: Interrupt) {
        if interrupt.is_prepared() {
            self.rare().interrupt = interrupt;
        }
    }

    /// Statements of a part will have to be ended when its time is over.
    pub(crate) fn want_interrupt(&mut self) {
        let rare = self.rare();
        rare.wants_interrupt = !rare.interrupt.is_prepared();
    }

    /// Whether what ends statements is to be prepared now.
    pub(crate) fn takes_interrupt(&mut self) -> bool {
        let rare = self.rare.as_mut();
        rare.is_some_and(|rare| {
            mem::take(&mut rare.wants_interrupt) && !rare.interrupt.is_prepared()
        })
    }

    /// Ends the statement that was dropped on its way, where that can be done: one that was
    /// seen, or may have been on the connection. Whatever follows waits for that first.
    pub(crate) fn stop_what_was_dropped(&self) {
        let is_followed = self.owed.is_some() || self.is_doomed();
        if self.unsettled || (self.proof.is_exposed() && is_followed) {
            self.stop();
        }
    }

    /// Ends whatever runs, where that can be done.
    pub(crate) fn stop(&self) {
        if let Some(rare) = &self.rare {
            rare.interrupt.raise();
        }
    }

    /// Whether a statement may not have ended yet. The caller waits for that.
    pub(crate) fn takes_unsettled(&mut self) -> bool {
        mem::take(&mut self.unsettled) || self.is_stopped()
    }

    /// Whether a statement was ended here.
    pub(crate) fn is_stopped(&self) -> bool {
        let rare = self.rare.as_ref();
        rare.is_some_and(|rare| rare.interrupt.is_raised())
    }

    /// Statements run to their end again.
    pub(crate) fn lower_interrupt(&self) {
        if let Some(rare) = &self.rare {
            rare.interrupt.lower();
        }
    }

    #[inline]
    pub(crate) fn claim(&self) -> Option<Arc<Claim>> {
        self.rare.as_ref()?.claim.clone()
    }

    pub(crate) fn set_claim(&mut self, claim: Claim) {
        self.rare().claim = Some(Arc::new(claim));
    }

    /// Whether nothing was done because a call with the same key has committed before.
    pub(crate) fn is_already_done(&self) -> bool {
        let found = self.doom().and_then(|doom| Error::find(&*doom.cause));
        found.is_some_and(Error::is_already_done)
    }

    /// Which attempt this is.
    #[inline]
    pub(crate) fn attempt(&self) -> u32 {
        self.repeated().map_or(1, |attempt| attempt.number)
    }

    /// Tells a test how it ended.
    #[inline]
    pub(crate) fn testify(&mut self, outcome: Outcome) {
        if self.is_watched() {
            self.tell(outcome);
        }
    }

    #[cold]
    fn tell(&mut self, outcome: Outcome) {
        if let Some(witness) = self.swap_witness(None) {
            let attempt = self.attempt();
            witness.ended(attempt, outcome, self.tally);
        }
    }
}
