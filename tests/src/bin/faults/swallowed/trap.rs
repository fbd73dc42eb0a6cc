//! Where an error is swallowed.

use super::provoked::{INNER, MORE, Provoked};
use crate::control::{Control, Controlled, Work};
use crate::notes::Notes;
use crate::subject::Answer;
use sqlx::{Error, Pool};
use sqlx_transactional::{Tx, transactional};
use std::fmt;
use std::sync::Arc;

/// What the body does with the error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trap {
    /// Gives it to its caller, as it should.
    Returned,
    /// Nothing.
    Swallowed,
    /// Nothing, and goes on.
    ThenMore,
    /// A joined function fails with it, and its caller goes on.
    Joined,
    /// A joined function keeps it to itself.
    InsideJoined,
    /// A savepoint fails with it, and its caller goes on.
    Savepoint,
    /// A savepoint keeps it to itself.
    InsideSavepoint,
    /// It happens on `connection()`, where nobody sees it.
    Connection,
    /// The same, and the body goes on there.
    ConnectionThenMore,
    /// In a transaction of this control's, swallowed.
    Control(Control),
    /// The same, and the body goes on.
    ControlThenMore(Control),
}

impl Trap {
    /// Those of the macro and the handle.
    pub(crate) const ALL: [Self; 9] = [
        Self::Returned,
        Self::Swallowed,
        Self::ThenMore,
        Self::Joined,
        Self::InsideJoined,
        Self::Savepoint,
        Self::InsideSavepoint,
        Self::Connection,
        Self::ConnectionThenMore,
    ];

    /// Those of a control.
    pub(crate) const fn of(control: Control) -> [Self; 2] {
        [Self::Control(control), Self::ControlThenMore(control)]
    }

    pub(crate) async fn call<DB: Controlled>(
        self,
        pool: &Pool<DB>,
        provoked: &Arc<Provoked<DB>>,
    ) -> Answer {
        match self {
            Self::Control(control) | Self::ControlThenMore(control) => {
                let work = Work::Provoked(Arc::clone(provoked));
                control.run(pool, work).await?;
            }
            _ if provoked.class.is_stale => inside(pool, provoked).await?,
            _ => watched(pool, provoked).await?,
        }
        Ok(())
    }
}

impl fmt::Display for Trap {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Self::Returned => "returned",
            Self::Swallowed => "swallowed",
            Self::ThenMore => "then-more",
            Self::Joined => "joined",
            Self::InsideJoined => "inside-joined",
            Self::Savepoint => "savepoint",
            Self::InsideSavepoint => "inside-savepoint",
            Self::Connection => "connection",
            Self::ConnectionThenMore => "connection-then-more",
            Self::Control(control) => control.name(),
            Self::ControlThenMore(control) => return write!(formatter, "{control}-then-more"),
        };
        formatter.write_str(name)
    }
}

#[transactional]
async fn watched<DB: Notes>(tx: &mut Tx<'_, DB>, provoked: &Provoked<DB>) -> Result<(), Error> {
    tx.after_commit(provoked.run.on_commit());
    tx.after_rollback(provoked.run.on_rollback());
    body(tx, provoked).await
}

/// In a transaction of the caller's, which has no lock before it writes.
async fn inside<DB: Notes>(pool: &Pool<DB>, provoked: &Provoked<DB>) -> Result<(), Error> {
    let mut owner = pool.begin().await?;
    let answer = body(&mut owner, provoked).await;
    match answer {
        Ok(()) => owner.commit().await,
        Err(error) => {
            owner.rollback().await?;
            Err(error)
        }
    }
}

#[transactional]
async fn body<DB: Notes>(tx: &mut Tx<'_, DB>, provoked: &Provoked<DB>) -> Result<(), Error> {
    for note in provoked.notes() {
        provoked.insert(&mut *tx, note).await?;
    }
    if let Some(sql) = provoked.class.before {
        DB::run(&mut *tx, sql).await?;
    }
    let failing = provoked.class.failing;
    match provoked.trap {
        Trap::Returned => return provoked.provoke(DB::run(tx, failing)).await,
        Trap::Swallowed => {
            let _ = provoked.provoke(DB::run(tx, failing)).await;
            return Ok(());
        }
        Trap::Joined | Trap::InsideJoined => {
            let _ = joined(&mut *tx, provoked).await;
        }
        Trap::Savepoint | Trap::InsideSavepoint => {
            let inner = tx.savepoint(async |tx| {
                provoked.inner(&mut *tx).await?;
                let failed = provoked.provoke(DB::run(tx, failing)).await;
                if provoked.trap == Trap::Savepoint {
                    failed
                } else {
                    Ok(())
                }
            });
            if inner.await.is_err() {
                provoked.forget(INNER);
            }
        }
        Trap::Connection => {
            let connection = tx.connection().await?;
            let _ = provoked.provoke(DB::execute(connection, failing)).await;
            return Ok(());
        }
        Trap::ConnectionThenMore => {
            let connection = tx.connection().await?;
            let _ = provoked.provoke(DB::execute(connection, failing)).await;
            let _ = provoked.insert_on(connection, MORE).await;
            return Ok(());
        }
        Trap::ThenMore | Trap::Control(_) | Trap::ControlThenMore(_) => {
            let _ = provoked.provoke(DB::run(&mut *tx, failing)).await;
        }
    }
    let _ = provoked.insert(tx, MORE).await;
    Ok(())
}

#[transactional]
async fn joined<DB: Notes>(tx: &mut Tx<'_, DB>, provoked: &Provoked<DB>) -> Result<(), Error> {
    provoked.inner(&mut *tx).await?;
    let failed = provoked.provoke(DB::run(tx, provoked.class.failing)).await;
    if provoked.trap == Trap::Joined {
        failed
    } else {
        Ok(())
    }
}
