//! Finding out what an unknown outcome was.

use std::{sync::Arc, time::Duration};

use sqlx::{Database, Pool};
use tokio::time::{Instant, sleep, timeout};

use crate::{
    backend::{self, Asked},
    error::Error,
    handle::{Access, Tx, Write},
    keys,
    limits::Limits,
};

/// What became of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Resolution {
    /// Its work is durable.
    Committed,
    /// Nothing of it is there, nor will be.
    RolledBack,
    /// Nobody can tell: it was not asked for before, it is still being ended
    /// after five seconds, or it is so long ago that the engine has forgotten.
    Unknown,
}

/// A database that can be asked what became of a transaction: PostgreSQL. Sealed.
#[diagnostic::on_unimplemented(
    message = "`resolvable` is an option for PostgreSQL, and this transaction is on `{Self}`",
    label = "cannot be asked about a transaction",
    note = "`key = expr` makes an unknown outcome one that can be resolved on every engine"
)]
pub trait Resolvable: Database + sealed::Sealed {}

mod sealed {
    pub trait Sealed {}
}

#[cfg(feature = "postgres")]
impl sealed::Sealed for sqlx::Postgres {}

#[cfg(feature = "postgres")]
impl Resolvable for sqlx::Postgres {}

/// An access with an outcome to be asked for: that of a [`Tx`]. Sealed.
#[diagnostic::on_unimplemented(
    message = "`resolvable` is an option for a `Tx`, and this is `{Self}`",
    label = "has no outcome that could be asked for",
    note = "what a `ReadTx` did leaves nothing behind: it can simply be run again"
)]
pub trait Writes: Access {}

impl<DB: Database> Writes for Write<DB> {}

/// What is needed to ask.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ticket {
    pub(crate) transaction: Option<u64>,
    pub(crate) key: Option<Arc<str>>,
}

/// How long to wait for a session that has not ended.
const PATIENCE: Duration = Duration::from_secs(5);

/// How often it is looked at.
const PAUSE: Duration = Duration::from_millis(20);

impl Error {
    /// Finds out what the [unknown outcome](Error::is_outcome_unknown) was, through
    /// another connection of `pool`, which must lead to the same database.
    ///
    /// This needs a transaction that has something to be asked by:
    ///
    /// | function | asked by | engines |
    /// |---|---|---|
    /// | `#[transactional(resolvable)]` | `pg_xact_status` (PostgreSQL manual, 9.27.7) | PostgreSQL |
    /// | `#[transactional(key = expr)]` | its row in the table of [keys] | all |
    ///
    /// Otherwise, and for any other error, the answer is [`Resolution::Unknown`].
    ///
    /// # Errors
    ///
    /// When the database cannot be asked; asking again is safe.
    pub async fn resolve<DB: Database>(&self, pool: &Pool<DB>) -> Result<Resolution, sqlx::Error> {
        let mut resolution = of(pool, &self.ticket).await?;
        for earlier in &self.earlier {
            // One that committed is enough, and one that is unknown too much.
            resolution = match (resolution, of(pool, earlier).await?) {
                (Resolution::Committed, _) | (_, Resolution::Committed) => Resolution::Committed,
                (Resolution::RolledBack, Resolution::RolledBack) => Resolution::RolledBack,
                _ => Resolution::Unknown,
            };
        }
        Ok(resolution)
    }
}

/// What became of one attempt.
async fn of<DB: Database>(pool: &Pool<DB>, ticket: &Ticket) -> Result<Resolution, sqlx::Error> {
    if let Some(transaction) = ticket.transaction {
        let resolution = ask(pool, transaction).await?;
        if resolution != Resolution::Unknown {
            return Ok(resolution);
        }
    }
    match &ticket.key {
        Some(key) => look_up(pool, key).await,
        None => Ok(Resolution::Unknown),
    }
}

/// Asks the server by the transaction's number.
async fn ask<DB: Database>(pool: &Pool<DB>, transaction: u64) -> Result<Resolution, sqlx::Error> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let mut connection = pool.acquire().await?;
        let asked = backend::of::<DB>().committed(&mut connection, transaction);
        let asked = timeout(PATIENCE, asked).await;
        let Ok(asked) = asked else {
            connection.close_on_drop();
            return Ok(Resolution::Unknown);
        };
        match asked? {
            Asked::Committed => return Ok(Resolution::Committed),
            Asked::RolledBack => return Ok(Resolution::RolledBack),
            Asked::Open if Instant::now() < deadline => {}
            Asked::Open | Asked::Unknown => return Ok(Resolution::Unknown),
        }
        drop(connection);
        sleep(PAUSE).await;
    }
}

/// Tries to write the key itself: that waits for whoever is writing it, and
/// fails if it is there.
async fn look_up<DB: Database>(pool: &Pool<DB>, key: &str) -> Result<Resolution, sqlx::Error> {
    let looked_up = crate::on(pool)
        .name("resolve")
        .limits(Limits::new().timeout(PATIENCE))
        .run(async |tx: &mut Tx<'_, DB>| {
            tx.roll_back();
            keys::claim(tx.core(), key).await
        });
    match looked_up.await {
        Ok(()) => Ok(Resolution::RolledBack),
        Err(error) => match Error::find(&error) {
            Some(found) if found.is_already_done() => Ok(Resolution::Committed),
            Some(found) if found.is_timed_out() => Ok(Resolution::Unknown),
            _ => Err(error),
        },
    }
}
