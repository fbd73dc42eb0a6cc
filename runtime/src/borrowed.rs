//! A connection that belongs to the caller.
//!
//! It cannot be moved into a task, so what its owner drops half-way is undone as
//! sqlx undoes it: by a rollback that is queued, and sent with whatever the
//! connection is used for next.

use sqlx::{AssertSqlSafe, Database, SqlSafeStr, SqlStr, pool::PoolConnection};
use sqlx_core::transaction::TransactionManager;

use crate::{
    backend::{self, Damage, Mode, Refusal, Terms},
    conclude::{Concluded, End, answer},
    error::{Error, Kind},
    hooks::Due,
    observe::{self, Outcome},
    recorded::record,
    resolve::Ticket,
};

/// A caller's connection, with or without a transaction of the caller's on it.
pub(crate) struct Borrowed<'c, DB: Database> {
    owner: Owner<'c, DB>,
    /// sqlx's depth before this crate did anything. Above 0 "begin" means a
    /// savepoint, and the commit is the caller's.
    outer: usize,
    mode: Mode,
    /// What BEGIN was told.
    terms: Terms,
    stage: Stage,
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
            mode: Mode::Write,
            terms: Terms::default(),
            stage: Stage::Closed,
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
        self.mode = terms.mode;
        self.terms = terms.clone();
        self.stage = Stage::Beginning;
        let connection = self.connection();
        let begun = if nested {
            backend.nest(connection).await
        } else {
            backend.begin(connection, terms).await.map(drop)
        };
        self.stage = match begun {
            Ok(()) => Stage::Open,
            Err(_) => Stage::Closed,
        };
        begun
    }

    /// Ends the transaction. Its hooks are for the caller to run.
    pub(crate) async fn conclude(mut self, end: End, damage: Damage) -> Concluded {
        self.stage = Stage::Ending;
        let (outcome, answer) = match end {
            End::Commit(ticket) => self.commit(ticket).await,
            End::RollBack(told) => {
                self.roll_back(damage).await;
                (Outcome::RolledBack, answer(told))
            }
            End::Leave(outcome, told) => {
                self.leave(damage).await;
                (outcome, answer(told))
            }
        };
        self.reset().await;
        Concluded {
            outcome,
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
        let (backend, nested, mode) = (backend::of::<DB>(), self.is_nested(), self.mode);
        let committed = if nested {
            self.keep().await
        } else {
            backend::of::<DB>().commit(self.connection(), mode).await
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

    async fn roll_back(&mut self, damage: Damage) {
        let (backend, mode) = (backend::of::<DB>(), self.mode);
        if damage >= Damage::Connection {
            return self.discard();
        }
        let rolled_back = if self.is_nested() {
            self.undo().await
        } else if backend::depth::<DB>(self.connection()) > 1
            || backend.rollback(self.connection(), mode).await.is_err()
        {
            backend.restore(self.connection(), mode).await
        } else {
            Ok(())
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

    /// Ends whatever is open, where that may not be the transaction that began.
    async fn leave(&mut self, damage: Damage) {
        let mode = self.mode;
        if self.is_nested() || damage >= Damage::Connection {
            return self.roll_back(damage).await;
        }
        let restored = backend::of::<DB>().restore(self.connection(), mode).await;
        self.left(restored);
    }

    /// Makes the savepoint's work the owner's.
    ///
    /// sqlx's own way, RELEASE and then one less to count, cannot be dropped in
    /// between. So a new savepoint of the same name is set behind the work, and
    /// going back to that undoes nothing: whenever this future is dropped, the
    /// rollback that is queued then finds either of the two.
    async fn keep(&mut self) -> Result<(), sqlx::Error> {
        let backend = backend::of::<DB>();
        let outer = self.outer;
        backend
            .run(self.connection(), nested_sql("SAVEPOINT", outer))
            .await?;
        self.queue_rollback();
        for _ in 0..backend.savepoints_of_a_name() {
            let release = nested_sql("RELEASE SAVEPOINT", outer);
            backend.run(self.connection(), release).await?;
        }
        Ok(())
    }

    /// Undoes what was done since the savepoint, and the savepoint, which sqlx
    /// would leave.
    async fn undo(&mut self) -> Result<(), sqlx::Error> {
        let (backend, outer) = (backend::of::<DB>(), self.outer);
        let depth = backend.settled_depth(self.connection()).await?;
        if depth > self.depth() {
            let again = AssertSqlSafe(backend::nested_sql(self.depth()..depth)).into_sql_str();
            backend.run(self.connection(), again).await?;
        }
        self.queue_rollback();
        let release = nested_sql("RELEASE SAVEPOINT", outer);
        backend.run(self.connection(), release).await
    }

    /// Queues the way back to where the owner was, in sqlx's count as well.
    fn queue_rollback(&mut self) {
        let outer = self.outer;
        // Once is enough: what follows it only tidies up.
        self.stage = Stage::Closed;
        let connection = self.connection();
        // Counted before: SQLite counts down when its worker gets there.
        for _ in outer..backend::depth::<DB>(connection) {
            <DB::TransactionManager as TransactionManager>::start_rollback(connection);
        }
    }

    /// The body was dropped: all that can be done at once is done.
    pub(crate) fn abandon(mut self, damage: Damage) {
        if damage >= Damage::Connection && self.stage != Stage::Closed {
            self.discard();
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
        if let Owner::Pooled(connection) = &mut self.owner {
            observe::closed("its transaction could not be ended");
            connection.close_on_drop();
        }
    }
}

/// SQL for the savepoint that sqlx sets at depth `outer`.
fn nested_sql(verb: &str, outer: usize) -> SqlStr {
    AssertSqlSafe(format!("{verb} _sqlx_savepoint_{outer}")).into_sql_str()
}

impl<DB: Database> Drop for Borrowed<'_, DB> {
    fn drop(&mut self) {
        let (nested, mode) = (self.is_nested(), self.mode);
        match self.stage {
            Stage::Closed => {}
            // The owner's transaction has at most one savepoint more.
            Stage::Beginning if nested => {}
            Stage::Beginning => {
                if !backend::of::<DB>().abandon(self.connection(), mode) {
                    self.discard();
                }
            }
            Stage::Open | Stage::Ending if nested => self.queue_rollback(),
            Stage::Open | Stage::Ending => {
                // Also where sqlx counts none any more: its SQLite worker waits
                // for this after an end whose answer nobody took.
                let connection = self.connection();
                <DB::TransactionManager as TransactionManager>::start_rollback(connection);
                backend::of::<DB>().abandon(connection, mode);
            }
        }
    }
}
