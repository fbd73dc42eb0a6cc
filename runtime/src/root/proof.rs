//! Whether the transaction that is open is still the one that began here.

use std::io;

use sqlx::{AssertSqlSafe, Database, SqlSafeStr};
use tokio::time::timeout;

use super::{Link, Root};
use crate::{
    backend::{self, Backend, Damage},
    error::Kind,
    state::{Flight, State},
};

pub(super) const NESTED_LEFT_OPEN: &str =
    "a nested transaction begun on `connection()` was still open at the end";

impl<DB: Database> Root<'_, DB> {
    /// Marks the transaction, if somebody wants that before it leaves our sight.
    pub(super) async fn mark(&mut self) -> Result<(), sqlx::Error> {
        let Some(mark) = self.state.proof.wanted(self.link.depth()) else {
            return Ok(());
        };
        let (Some(connection), state) = self.link.parts(&mut self.state) else {
            return Ok(());
        };
        let backend = backend::of::<DB>();
        let sql = AssertSqlSafe(backend.mark_sql(mark)).into_sql_str();
        state.in_flight = Some(Flight::Savepoint);
        let marked = if backend::depth::<DB>(connection) == 0 {
            // Counted by sqlx from here on, because the connection is handed out next.
            backend.count(connection, sql).await
        } else {
            backend.run(connection, sql).await
        };
        state.in_flight = None;
        if let Err(error) = marked {
            let damage = backend.damage(&error).max(Damage::Transaction);
            return Err(state.met::<DB>(damage, error));
        }
        state.marked(mark);
        Ok(())
    }

    /// Asks the engine whether a transaction is still open.
    pub(super) async fn verify(&mut self) {
        let backend = backend::of::<DB>();
        let survives = backend.survives_interruption();
        let depth_of_ours = self.link.depth();
        let (Some(connection), state) = self.link.parts(&mut self.state) else {
            return;
        };
        let mark = state.proof.mark().filter(|_| backend.keeps_marks());
        let (mut nested, is_unseen) = (false, state.proof.is_unverified());
        let verified = asked(state, backend, async {
            if is_unseen {
                nested = backend.settled_depth(connection).await? > depth_of_ours;
            }
            match mark {
                Some(mark) => Ok(backend.prove(connection, Some(mark)).await?.is_ours),
                None => backend.verify(connection).await,
            }
        });
        let verified = verified.await;
        let suspect = state.take_suspect();
        match (verified, suspect) {
            (Ok(true), _) if nested => {
                state.forbid(Damage::Transaction, Kind::Unsupported(NESTED_LEFT_OPEN));
            }
            (Ok(true), _) if mark.is_some() => state.proof.proven(),
            (Ok(true), _) => state.proof.verified(),
            (Ok(false), Some(cause)) if !state.proof.is_missing() => {
                state.hurt(Damage::Transaction, || cause);
            }
            (Ok(false), _) => state.ended_early(survives),
            // Aborted, which ends with the savepoint that it is inside of.
            (Err(error), _) if backend.damage(&error) == Damage::Scope => {
                state.failed::<DB>(Damage::Scope, &error);
            }
            (Err(error), _) => {
                let damage = backend.damage(&error).max(Damage::Transaction);
                state.failed::<DB>(damage, &error);
            }
        }
    }

    /// Asks the engine whether the transaction is still ours. A mark that is a savepoint
    /// takes others along, and is looked for as the `last` thing only.
    pub(super) async fn prove(&mut self, succeeded: bool, last: bool) {
        let backend = backend::of::<DB>();
        let survives = backend.survives_interruption();
        let depth_of_ours = self.link.depth();
        let (Some(connection), state) = self.link.parts(&mut self.state) else {
            return;
        };
        let takes_off = last && !backend.keeps_marks();
        let mark = state.proof.mark().filter(|_| last || backend.keeps_marks());
        let is_in_doubt = state.proof.is_in_doubt();
        if takes_off {
            state.proof.asked();
        }
        let mut nested = false;
        let proven = asked(state, backend, async {
            nested = backend.settled_depth(connection).await? > depth_of_ours;
            backend.prove(connection, mark).await
        });
        let proven = proven.await;
        if takes_off {
            state.proof.unmarked();
        }
        match &proven {
            Ok(found) if found.is_ours => state.proof.proven(),
            Ok(_) if is_in_doubt => {}
            Ok(_) => state.ended_early(survives),
            Err(error) if backend.damage(error) == Damage::Scope => {
                // Which is known already of a function that fails.
                if succeeded {
                    state.failed::<DB>(Damage::Transaction, error);
                }
                state.proof.aborted();
            }
            Err(error) => {
                let damage = backend.damage(error).max(Damage::Transaction);
                state.failed::<DB>(damage, error);
            }
        }
        if proven.is_ok_and(|found| found.is_spoiled) {
            self.link.spoil();
        }
        if succeeded && nested {
            self.state
                .forbid(Damage::Transaction, Kind::Unsupported(NESTED_LEFT_OPEN));
        }
    }
}

impl<DB: Database> Link<'_, DB> {
    /// The session is looked at behind the transaction.
    pub(super) fn suspect(&mut self) {
        match self {
            Self::Leased(lease) => lease.suspect(),
            Self::Borrowed(borrowed) => borrowed.suspect(),
            Self::Idle(_) | Self::Ended => {}
        }
    }

    /// The connection is of no use behind the transaction.
    fn spoil(&mut self) {
        match self {
            Self::Leased(lease) => lease.spoil(),
            Self::Borrowed(borrowed) => borrowed.spoil(),
            Self::Idle(_) | Self::Ended => {}
        }
    }
}

/// Waits for an answer to a question about the transaction, for as long as a connection may
/// take to become clean.
async fn asked<DB: Database, A>(
    state: &mut State,
    backend: &'static dyn Backend<DB>,
    question: impl Future<Output = Result<A, sqlx::Error>>,
) -> Result<A, sqlx::Error> {
    state.in_flight = Some(Flight::Savepoint);
    let answer = timeout(backend.patience(), question).await;
    state.in_flight = None;
    answer.unwrap_or_else(|_| Err(io::Error::from(io::ErrorKind::TimedOut).into()))
}
