//! A connection that belongs to the caller.
//!
//! It cannot be moved into a task, so what its owner drops half-way is undone as
//! sqlx undoes it: by a rollback that is queued, and sent with whatever the
//! connection is used for next.

mod dropped;
mod nested;

use sqlx::{Database, pool::PoolConnection};
use sqlx_core::transaction::TransactionManager;

use crate::{
    backend::{self, Damage, Interrupt, Mode, Refusal, Terms},
    conclude::{Concluded, End, answer},
    error::{Error, Kind},
    hooks::Due,
    observe::{self, Outcome, SPOILED},
    recorded::record,
    resolve::Ticket,
    state::Mark,
};

/// A caller's connection, with or without a transaction of the caller's on it.
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub(crate) struct Borrowed<'c, DB: Database> {
    owner: Owner<'c, DB>,
    /// sqlx's depth before this crate did anything. Above 0 "begin" means a
    /// savepoint, and the commit is the caller's.
    outer: usize,
    /// Whether a setting of the connection has to be set back.
    sets_back: bool,
    /// What BEGIN was told.
    terms: Terms,
    stage: Stage,
    /// Whether every answer has been read, as far as is known.
    settled: bool,
    /// Whether the connection is given up.
    discarded: bool,
    /// Ends the statement that an embedded engine runs.
    interrupt: Interrupt,
    /// Whether the session is looked at behind the transaction.
    is_suspect: bool,
}

enum Owner<'c, DB: Database> {
    Pooled(&'c mut PoolConnection<DB>),
    Plain(&'c mut DB::Connection),
}

/// How far the transaction is, and so what a dropped one leaves to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Nothing was sent, or everything is answered.
    Closed,
    /// BEGIN, or the savepoint, is on its way.
    Beginning,
    Open,
    /// COMMIT or ROLLBACK is on its way.
    Ending,
}

impl<'c, DB: Database> Borrowed<'c, DB> {
    pub(crate) fn pooled(connection: &'c mut PoolConnection<DB>) -> Self {
        let outer = backend::depth::<DB>(connection);
        Self::new(Owner::Pooled(connection), outer)
    }

    pub(crate) fn plain(connection: &'c mut DB::Connection) -> Self {
        let outer = backend::depth::<DB>(connection);
        Self::new(Owner::Plain(connection), outer)
    }

    fn new(owner: Owner<'c, DB>, outer: usize) -> Self {
        Self {
            owner,
            outer,
            sets_back: false,
            terms: Terms::default(),
            stage: Stage::Closed,
            settled: false,
            discarded: false,
            interrupt: Interrupt::default(),
            is_suspect: false,
        }
    }

    /// What sqlx counts while this transaction is open.
    pub(crate) fn depth(&self) -> usize {
        self.outer + 1
    }

    /// Whether the connection is inside a transaction of its owner's.
    pub(crate) fn is_nested(&self) -> bool {
        self.outer > 0
    }

    pub(crate) fn connection(&mut self) -> &mut DB::Connection {
        match &mut self.owner {
            Owner::Pooled(connection) => connection,
            Owner::Plain(connection) => connection,
        }
    }

    pub(crate) async fn begin(&mut self, terms: &Terms) -> Result<(), sqlx::Error> {
        if self.stage != Stage::Closed {
            // An earlier BEGIN was cut off, and nobody knows what came of it.
            return Err(Error::new(Kind::Interrupted).into());
        }
        let backend = backend::of::<DB>();
        if self.is_nested() {
            // What was dropped on it before may have been undone by now.
            self.outer = backend.settled_depth(self.connection()).await?;
        }
        let nested = self.is_nested();
        // A savepoint of sqlx's that fails ends the owner's transaction without
        // a word, so it must not be tried where it would.
        if nested && !backend.verify(self.connection()).await? {
            return Err(Error::new(Kind::EndedEarly).into());
        }
        self.terms = terms.clone();
        if nested {
            self.stage = Stage::Beginning;
            let begun = backend.nest(self.connection()).await;
            self.stage = match begun {
                Ok(()) => Stage::Open,
                Err(_) => Stage::Closed,
            };
            return begun;
        }
        // Asked before, because nobody may be there for the answer to BEGIN.
        self.sets_back =
            terms.mode == Mode::Read && backend.reading_changes(self.connection()).await?;
        self.stage = Stage::Beginning;
        let begun = backend.begin(self.connection(), terms).await;
        self.sets_back = begun.as_ref().is_ok_and(|session| session.sets_back);
        match begun {
            Ok(_) => {
                self.stage = Stage::Open;
                Ok(())
            }
            Err(error) => {
                self.not_begun(&error).await;
                Err(error)
            }
        }
    }

    /// Prepares for ending the statement that runs, in the midst of the transaction.
    pub(crate) async fn make_interruptible(&mut self) -> Result<Interrupt, sqlx::Error> {
        let made = backend::of::<DB>().interruptible(self.connection());
        self.interrupt = made.await?;
        Ok(self.interrupt.clone())
    }

    /// Ends what may run still, and waits for that.
    async fn stop(&mut self) {
        if self.interrupt.is_prepared() {
            self.interrupt.raise();
            // It fails where the connection is lost, which its next use finds.
            let _ = backend::of::<DB>().settle(self.connection()).await;
            self.interrupt.lower();
        }
    }

    /// Undoes what a BEGIN has done that failed half-way. A transaction that it found
    /// open is not this one's to end.
    async fn not_begun(&mut self, error: &sqlx::Error) {
        let backend = backend::of::<DB>();
        if backend.damage(error) >= Damage::Connection {
            return self.discard();
        }
        let restored = if backend.is_found_unfit(error) {
            Ok(())
        } else {
            let restored = backend.restore(self.connection(), false, None).await;
            restored.map(drop)
        };
        self.left(restored);
        self.reset().await;
    }

    /// Ends the transaction. Its hooks are for the caller to run.
    pub(crate) async fn conclude(mut self, end: End, damage: Damage) -> Concluded {
        self.stage = Stage::Ending;
        if !matches!(end, End::Commit(_)) {
            self.stop().await;
        }
        let (outcome, answer) = match end {
            End::Commit(ticket) => self.commit(ticket).await,
            End::RollBack(told) => {
                self.roll_back(damage).await;
                (Outcome::RolledBack, answer(told))
            }
            End::Leave(outcome, told) => {
                self.leave(damage, None).await;
                (outcome, answer(told))
            }
            End::Aborted(aborted) => {
                let kept = self.leave(damage, aborted.mark).await;
                aborted.ended(kept)
            }
        };
        self.reset().await;
        Concluded {
            outcome,
            is_spent: self.discarded,
            answer,
            hooks: Due::default(),
        }
    }

    /// Sets back what only the end of the session would.
    async fn reset(&mut self) {
        let (terms, nested) = (self.terms.clone(), self.is_nested());
        if !nested
            && let Some(reset) = backend::of::<DB>().reset(self.connection(), &terms)
            && let Err(error) = reset.await
        {
            observe::unclean(&error);
        }
    }

    async fn commit(&mut self, ticket: Ticket) -> (Outcome, Result<(), sqlx::Error>) {
        let (backend, nested) = (backend::of::<DB>(), self.is_nested());
        let sets_back = self.sets_back;
        let committed = if nested {
            self.keep().await
        } else if self.is_counted() {
            DB::TransactionManager::commit(self.connection()).await
        } else {
            backend.commit(self.connection(), sets_back).await
        };
        let Err(error) = committed else {
            self.stage = Stage::Closed;
            return (Outcome::Committed, Ok(()));
        };
        if !nested && backend.refusal(&error) == Refusal::Unknown {
            observe::outcome_unknown(&error);
            self.discard();
            let unknown = Error::unknown(record(&error), ticket);
            return (Outcome::Unknown, Err(unknown.into()));
        }
        observe::commit_refused(&error);
        if self.stage != Stage::Closed {
            self.roll_back(backend.damage(&error)).await;
        }
        (Outcome::RolledBack, Err(error))
    }

    /// Whether sqlx counts this transaction and its own way to end it is all.
    fn is_counted(&mut self) -> bool {
        !self.sets_back && backend::depth::<DB>(self.connection()) == self.depth()
    }

    /// Rolls back what is in no transaction of the owner's.
    async fn roll_back_all(&mut self) -> Result<(), sqlx::Error> {
        let (backend, sets_back) = (backend::of::<DB>(), self.sets_back);
        let rolled_back = if self.is_counted() {
            DB::TransactionManager::rollback(self.connection()).await
        } else if backend::depth::<DB>(self.connection()) > 1 {
            // sqlx would only end what was nested and left open.
            let restored = backend.restore(self.connection(), sets_back, None).await;
            return restored.map(drop);
        } else {
            backend.rollback(self.connection(), sets_back).await
        };
        if rolled_back.is_ok() {
            return Ok(());
        }
        let restored = backend.restore(self.connection(), sets_back, None).await;
        restored.map(drop)
    }

    async fn roll_back(&mut self, damage: Damage) {
        if damage >= Damage::Connection {
            return self.discard();
        }
        let rolled_back = if self.is_nested() {
            self.undo().await
        } else {
            self.roll_back_all().await
        };
        self.left(rolled_back);
    }

    /// Takes note of how the transaction was left.
    fn left(&mut self, clean: Result<(), sqlx::Error>) {
        match clean {
            Ok(()) => self.stage = Stage::Closed,
            Err(error) => {
                observe::unclean(&error);
                self.discard();
            }
        }
    }

    /// Ends whatever is open, where that may not be the transaction that began. Whether
    /// the one with `mark` was committed before, where that is known.
    async fn leave(&mut self, damage: Damage, mark: Option<Mark>) -> Option<bool> {
        let (sets_back, backend) = (self.sets_back, backend::of::<DB>());
        if self.is_nested() && damage < Damage::Connection && backend.is_embedded() {
            self.find_savepoint().await;
        }
        if self.is_nested() || damage >= Damage::Connection {
            self.roll_back(damage).await;
            // The savepoint was there, inside of the owner's transaction.
            return (!self.discarded).then_some(false);
        }
        let restored = backend.restore(self.connection(), sets_back, mark).await;
        let kept = restored.as_ref().ok().copied();
        self.left(restored.map(drop));
        let is_asked = self.is_suspect && !self.discarded;
        if is_asked && backend.is_spoiled(self.connection()).await.unwrap_or(true) {
            self.spoil();
        }
        kept
    }

    /// The session is looked at behind the transaction.
    pub(crate) fn suspect(&mut self) {
        self.is_suspect = true;
    }

    /// No pool gets the connection back.
    pub(crate) fn spoil(&mut self) {
        if let Owner::Pooled(connection) = &mut self.owner {
            observe::closed(SPOILED);
            connection.close_on_drop();
        }
    }

    /// Makes sure that a pool does not get the connection back, as far as that can
    /// be done from here.
    fn discard(&mut self) {
        if matches!(self.stage, Stage::Open | Stage::Ending) {
            // sqlx must not take a later COMMIT for this savepoint's end.
            self.queue_rollback();
        }
        self.stage = Stage::Closed;
        self.discarded = true;
        if let Owner::Pooled(connection) = &mut self.owner {
            observe::closed("its transaction could not be ended");
            connection.close_on_drop();
        }
    }
}
