//! What a dropped body leaves to do, without a future to wait in.

use futures_util::FutureExt;
use sqlx::Database;
use sqlx_core::transaction::TransactionManager;

use super::{Borrowed, Owner, Stage};
use crate::{
    backend::{self, Damage},
    observe,
    state::Proof,
};

impl<DB: Database> Borrowed<'_, DB> {
    /// The body was dropped: all that can be done at once is done. `settled` says whether
    /// every answer has been read.
    pub(crate) fn abandon(mut self, damage: Damage, proof: Proof, settled: bool) {
        self.settled = settled;
        if !settled {
            self.interrupt.raise();
        }
        // Something may be under way, or be set or locked in the session, that nobody has
        // seen, and there is no time to ask.
        let is_lost = damage >= Damage::Connection
            || (!proof.is_whole() && !backend::of::<DB>().is_embedded());
        if is_lost && self.stage != Stage::Closed {
            self.discard();
        }
    }

    /// Has the limits set back without waiting for it: sent at once, where nothing else is
    /// to be read first.
    fn reset_unwaited(&mut self) {
        let backend = backend::of::<DB>();
        let reset = backend.reset_sql(&self.terms);
        let is_settled = self.settled && self.stage == Stage::Open;
        let is_changed = reset.is_some() || (self.sets_back && !backend.is_embedded());
        match (&mut self.owner, reset) {
            (Owner::Pooled(connection), _) if is_changed => {
                observe::closed("a setting of it could not be set back");
                connection.close_on_drop();
            }
            (Owner::Plain(connection), Some(reset)) if is_settled => {
                let _ = backend.run(connection, reset).now_or_never();
            }
            _ => {}
        }
    }
}

impl<DB: Database> Drop for Borrowed<'_, DB> {
    fn drop(&mut self) {
        let (nested, sets_back) = (self.is_nested(), self.sets_back);
        if self.interrupt.is_raised() {
            // Neither what follows nor what the owner runs next is to be ended.
            backend::of::<DB>().lower_behind(self.connection());
        }
        match self.stage {
            Stage::Closed => {}
            // The owner's transaction has at most one savepoint more.
            Stage::Beginning if nested => {}
            Stage::Beginning => {
                if !backend::of::<DB>().abandon(self.connection(), sets_back) {
                    self.discard();
                }
            }
            Stage::Open | Stage::Ending if nested => {
                if backend::depth::<DB>(self.connection()) > self.depth() {
                    // One rollback too many would be the owner's.
                    backend::of::<DB>().catch_up(self.connection());
                }
                self.queue_rollback();
            }
            Stage::Open | Stage::Ending => {
                self.reset_unwaited();
                let connection = self.connection();
                // Also where sqlx counts none any more: its SQLite worker waits
                // for this after an end whose answer nobody took.
                let levels = backend::depth::<DB>(connection).max(1);
                backend::of::<DB>().prepare_to_abandon(connection);
                for _ in 0..levels {
                    <DB::TransactionManager as TransactionManager>::start_rollback(connection);
                }
                backend::of::<DB>().abandon(connection, sets_back);
            }
        }
    }
}
