//! A pool's connection while it is inside a transaction.

use std::{fmt, io, time::Duration};

use sqlx::{Connection, Database, Pool, pool::PoolConnection};
use sqlx_core::transaction::TransactionManager;
use tokio::{runtime::Handle, time::timeout};
use tracing::{Instrument, Span};

use crate::{
    backend::{self, Damage, Mode, Refusal},
    error::{Error, Kind, record},
    finish::FinishOnDrop,
    hooks::{Hooks, When},
    observe::{self, Outcome},
};

/// Owns a connection until it is known to be clean. Dropping a lease hands the
/// connection to a task that rolls back, or closes it.
pub(crate) struct Lease<DB: Database> {
    connection: Option<PoolConnection<DB>>,
    mode: Mode,
    runtime: Handle,
    /// Whether this is the background's lease, after which there is no other.
    orphan: bool,
}

/// How long saying good-bye to a server may take.
const GOOD_BYE: Duration = Duration::from_secs(1);

/// What the body's end asks of the database.
#[derive(Debug)]
pub(crate) enum End {
    Commit,
    /// Roll back, and say so with this error if the body claimed success.
    RollBack(Option<Error>),
}

impl<DB: Database> Lease<DB> {
    /// Takes a connection from `pool` and begins.
    ///
    /// A pool that does not test its connections may give one that died while it
    /// was idle. Nothing has been sent in this transaction yet, so it is begun
    /// on the next one instead, at most once for each connection of the pool.
    pub(crate) async fn begin(pool: &Pool<DB>, mode: Mode) -> Result<Self, sqlx::Error> {
        let mut spares = pool.options().get_max_connections();
        loop {
            let connection = pool.acquire().await?;
            let runtime = Handle::current();
            let lease = Self {
                connection: Some(connection),
                mode,
                runtime: runtime.clone(),
                orphan: false,
            };
            match FinishOnDrop::new(runtime, lease.begun()).await {
                Ok(lease) => return Ok(lease),
                // Lost, or left aborted by somebody else: nothing of this one's.
                Err(error) if backend::of::<DB>().damage(&error) >= Damage::Scope && spares > 0 => {
                    spares -= 1;
                }
                Err(error) => return Err(error),
            }
        }
    }

    async fn begun(mut self) -> Result<Self, sqlx::Error> {
        let (backend, mode) = (backend::of::<DB>(), self.mode);
        if depth::<DB>(self.connection()) > 0 {
            // Whoever had it before left a transaction open, or sqlx believes so.
            Box::pin(self.restored()).await?;
        }
        match backend.begin(self.connection(), mode).await {
            Ok(()) => Ok(self),
            Err(error) => {
                if backend.damage(&error) == Damage::Connection {
                    self.close("it was lost before the transaction began");
                } else {
                    Box::pin(self.restore()).await;
                }
                Err(error)
            }
        }
    }

    /// The connection, which is there until the lease ends.
    pub(crate) fn connection(&mut self) -> &mut PoolConnection<DB> {
        let Some(connection) = &mut self.connection else {
            unreachable!("a lease gives its connection up only when it ends");
        };
        connection
    }

    /// Ends the transaction and gives the connection back, then runs the hooks.
    /// Goes on when the caller goes away.
    pub(crate) async fn conclude(
        self,
        end: End,
        damage: Damage,
        hooks: Hooks,
    ) -> (Outcome, Result<(), sqlx::Error>) {
        FinishOnDrop::new(self.runtime.clone(), async move {
            let (outcome, answer) = match end {
                End::Commit => self.commit().await,
                End::RollBack(answer) => {
                    self.roll_back(damage).await;
                    (
                        Outcome::RolledBack,
                        answer.map_or(Ok(()), |e| Err(e.into())),
                    )
                }
            };
            match outcome {
                Outcome::Committed => hooks.run(When::Committed).await,
                Outcome::RolledBack => hooks.run(When::RolledBack).await,
                Outcome::Unknown => {}
            }
            (outcome, answer)
        })
        .await
    }

    async fn commit(mut self) -> (Outcome, Result<(), sqlx::Error>) {
        let (backend, mode) = (backend::of::<DB>(), self.mode);
        let timer = observe::Timer::start();
        let error = match backend.commit(self.connection(), mode).await {
            Ok(()) => {
                timer.event("commit");
                self.give_back();
                return (Outcome::Committed, Ok(()));
            }
            Err(error) => error,
        };
        match backend.refusal(&error) {
            Refusal::Definite => {
                observe::commit_refused(&error);
                Box::pin(self.restore()).await;
                (Outcome::RolledBack, Err(error))
            }
            Refusal::Unknown => {
                observe::outcome_unknown(&error);
                self.close("COMMIT was not answered");
                let unknown = Error::because(Kind::OutcomeUnknown, record(&error));
                (Outcome::Unknown, Err(unknown.into()))
            }
        }
    }

    async fn roll_back(mut self, damage: Damage) {
        let (backend, mode) = (backend::of::<DB>(), self.mode);
        if damage == Damage::Connection {
            return self.close("it was lost inside the transaction");
        }
        if depth::<DB>(self.connection()) > 1 {
            // sqlx's own ROLLBACK would only end what was nested and left open.
            return Box::pin(self.restore()).await;
        }
        let timer = observe::Timer::start();
        match timeout(
            backend.patience(),
            backend.rollback(self.connection(), mode),
        )
        .await
        {
            Ok(Ok(())) => {
                timer.event("rollback");
                self.give_back();
            }
            Ok(Err(_)) => Box::pin(self.restore()).await,
            Err(_) => self.close("ROLLBACK took too long"),
        }
    }

    /// Rolls back in the background, then runs the hooks. `damage` says what is
    /// known of the connection.
    pub(crate) fn abandon(mut self, damage: Damage, hooks: Hooks) {
        let lease = Self {
            connection: self.connection.take(),
            mode: self.mode,
            runtime: self.runtime.clone(),
            orphan: true,
        };
        let rest = async move {
            if damage == Damage::Connection {
                lease.close("a statement was cut off");
            } else {
                lease.restore().await;
            }
            hooks.run(When::RolledBack).await;
        };
        self.runtime.spawn(rest.instrument(Span::current()));
    }

    /// Gives the connection back clean, or closes it.
    async fn restore(mut self) {
        match self.restored().await {
            Ok(()) => self.give_back(),
            Err(error) => {
                observe::unclean(&error);
                self.close("it could not be brought back to a clean state");
            }
        }
    }

    async fn restored(&mut self) -> Result<(), sqlx::Error> {
        let (backend, mode) = (backend::of::<DB>(), self.mode);
        let timer = observe::Timer::start();
        timeout(backend.patience(), backend.restore(self.connection(), mode))
            .await
            .unwrap_or_else(|_| Err(io::Error::from(io::ErrorKind::TimedOut).into()))?;
        timer.event("rollback");
        Ok(())
    }

    fn give_back(mut self) {
        let _inside = self.runtime.enter();
        drop(self.connection.take());
    }

    /// Takes the connection out of the pool at once, so that it opens another,
    /// and says good-bye to the server in the background.
    fn close(mut self, why: &'static str) {
        let Some(connection) = self.connection.take() else {
            return;
        };
        observe::closed(why);
        let _inside = self.runtime.enter();
        let connection = connection.detach();
        self.runtime.spawn(async move {
            // An answer is not needed, only an end.
            let _ = timeout(GOOD_BYE, connection.close()).await;
        });
    }
}

impl<DB: Database> Drop for Lease<DB> {
    fn drop(&mut self) {
        let Some(connection) = self.connection.take() else {
            return;
        };
        if self.orphan {
            // Only a runtime that shuts down drops the background's work. The
            // server ends the transaction when the connection goes.
            let _inside = self.runtime.enter();
            drop(connection.detach());
        } else {
            let lease = Self {
                connection: Some(connection),
                mode: self.mode,
                runtime: self.runtime.clone(),
                orphan: true,
            };
            lease.abandon(Damage::None, Hooks::default());
        }
    }
}

impl<DB: Database> fmt::Debug for Lease<DB> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lease")
            .field("mode", &self.mode)
            .finish_non_exhaustive()
    }
}

/// How many transactions and savepoints sqlx counts on `connection`.
pub(crate) fn depth<DB: Database>(connection: &DB::Connection) -> usize {
    <DB::TransactionManager as TransactionManager>::get_transaction_depth(connection)
}
