//! A connection that belongs to the caller.
//!
//! It cannot be moved into a task, so what its owner drops half-way is undone as
//! sqlx undoes it: by a rollback that is queued, and sent with whatever the
//! connection is used for next.

use sqlx::{Database, pool::PoolConnection};
use sqlx_core::transaction::TransactionManager;

use crate::{
    backend::{self, Damage, Mode, Refusal},
    error::{Error, Kind, record},
    hooks::{Hooks, When},
    lease::{End, depth},
    observe::{self, Outcome},
};

/// A caller's connection, with or without a transaction of the caller's on it.
pub(crate) struct Borrowed<'c, DB: Database> {
    owner: Owner<'c, DB>,
    /// sqlx's depth before this crate did anything. Above 0 "begin" means a
    /// savepoint, and the commit is the caller's.
    outer: usize,
    mode: Mode,
    open: bool,
    /// Whether COMMIT or ROLLBACK is on its way.
    ending: bool,
}

enum Owner<'c, DB: Database> {
    Pooled(&'c mut PoolConnection<DB>),
    Plain(&'c mut DB::Connection),
}

impl<'c, DB: Database> Borrowed<'c, DB> {
    pub(crate) fn pooled(connection: &'c mut PoolConnection<DB>) -> Self {
        let outer = depth::<DB>(connection);
        Self::new(Owner::Pooled(connection), outer)
    }

    pub(crate) fn plain(connection: &'c mut DB::Connection) -> Self {
        let outer = depth::<DB>(connection);
        Self::new(Owner::Plain(connection), outer)
    }

    fn new(owner: Owner<'c, DB>, outer: usize) -> Self {
        Self {
            owner,
            outer,
            mode: Mode::Write,
            open: false,
            ending: false,
        }
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

    pub(crate) async fn begin(&mut self, mode: Mode) -> Result<(), sqlx::Error> {
        if self.open {
            // An earlier BEGIN was cut off, and nobody knows what came of it.
            return Err(Error::new(Kind::Interrupted).into());
        }
        self.mode = mode;
        // From the first poll on there may be something to undo.
        self.open = true;
        let nested = self.is_nested();
        let connection = self.connection();
        let begun = if nested {
            // A savepoint of sqlx's that fails ends the owner's transaction
            // without a word, so it must not be tried where it would.
            if !backend::of::<DB>().verify(connection).await? {
                self.open = false;
                return Err(Error::new(Kind::EndedEarly).into());
            }
            let connection = self.connection();
            <DB::TransactionManager as TransactionManager>::begin(connection, None).await
        } else {
            backend::of::<DB>().begin(connection, mode).await
        };
        self.open = begun.is_ok();
        begun
    }

    pub(crate) async fn conclude(
        mut self,
        end: End,
        damage: Damage,
        hooks: Hooks,
    ) -> (Outcome, Result<(), sqlx::Error>) {
        self.ending = true;
        let (outcome, answer) = match end {
            End::Commit => self.commit().await,
            End::RollBack(answer) => {
                self.roll_back(damage).await;
                (
                    Outcome::RolledBack,
                    answer.map_or(Ok(()), |error| Err(error.into())),
                )
            }
        };
        match outcome {
            Outcome::Committed => hooks.run_shielded(When::Committed).await,
            Outcome::RolledBack => hooks.run_shielded(When::RolledBack).await,
            Outcome::Unknown => {}
        }
        (outcome, answer)
    }

    async fn commit(&mut self) -> (Outcome, Result<(), sqlx::Error>) {
        let backend = backend::of::<DB>();
        let (nested, mode) = (self.is_nested(), self.mode);
        let connection = self.connection();
        let committed = if nested {
            <DB::TransactionManager as TransactionManager>::commit(connection).await
        } else {
            backend.commit(connection, mode).await
        };
        let Err(error) = committed else {
            self.open = false;
            return (Outcome::Committed, Ok(()));
        };
        if !nested && backend.refusal(&error) == Refusal::Unknown {
            observe::outcome_unknown(&error);
            self.discard();
            let unknown = Error::because(Kind::OutcomeUnknown, record(&error));
            return (Outcome::Unknown, Err(unknown.into()));
        }
        observe::commit_refused(&error);
        self.roll_back(backend.damage(&error)).await;
        (Outcome::RolledBack, Err(error))
    }

    async fn roll_back(&mut self, damage: Damage) {
        let backend = backend::of::<DB>();
        let (outer, mode) = (self.outer, self.mode);
        if damage == Damage::Connection {
            return self.discard();
        }
        let connection = self.connection();
        let rolled_back = if outer > 0 {
            roll_back_nested::<DB>(connection, outer).await
        } else {
            match backend.rollback(connection, mode).await {
                Ok(()) => Ok(()),
                Err(_) => backend.restore(connection, mode).await,
            }
        };
        match rolled_back {
            Ok(()) => self.open = false,
            Err(error) => {
                observe::unclean(&error);
                self.discard();
            }
        }
    }

    /// The body was dropped: all that can be done at once is done.
    pub(crate) fn abandon(mut self, damage: Damage) {
        if damage == Damage::Connection && self.open {
            self.discard();
        }
    }

    /// Makes sure that a pool does not get the connection back.
    fn discard(&mut self) {
        self.open = false;
        if let Owner::Pooled(connection) = &mut self.owner {
            observe::closed("its transaction could not be ended");
            connection.close_on_drop();
        }
    }
}

/// sqlx leaves the savepoint in place after going back to it.
async fn roll_back_nested<DB: Database>(
    connection: &mut DB::Connection,
    outer: usize,
) -> Result<(), sqlx::Error> {
    <DB::TransactionManager as TransactionManager>::rollback(connection).await?;
    let release = format!("RELEASE SAVEPOINT _sqlx_savepoint_{outer}");
    let release = sqlx::SqlSafeStr::into_sql_str(sqlx::AssertSqlSafe(release));
    backend::of::<DB>().run(connection, release).await
}

impl<DB: Database> Drop for Borrowed<'_, DB> {
    fn drop(&mut self) {
        if !self.open {
            return;
        }
        let (outer, mode, ending) = (self.outer, self.mode, self.ending);
        let connection = self.connection();
        if ending || depth::<DB>(connection) > outer {
            // Also where the end was cut off: sqlx's SQLite worker waits for it.
            <DB::TransactionManager as TransactionManager>::start_rollback(connection);
        } else if outer == 0 && !backend::of::<DB>().abandon(connection, mode) {
            self.discard();
        }
    }
}
