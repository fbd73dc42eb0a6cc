//! Finding out what an unknown outcome was.

use std::{sync::Arc, time::Duration};

use sqlx::{Database, Pool};
use tokio::time::{Instant, sleep, timeout};

use crate::{
    backend::{self, Asked},
    begin::{DynSource, Source},
    error::Error,
    handle::{Access, Write},
    keys::{Claim, Found, look_up},
};

/// What became of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Resolution {
    /// Its work is durable.
    Committed,
    /// Nothing of it is there, nor will be.
    RolledBack,
    /// Nobody can tell: it was not asked for before, it is still being ended
    /// after five seconds, or it is so long ago, or the server has crashed since,
    /// that the engine has forgotten.
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

/// An access with an outcome to be asked for: that of a [`Tx`](crate::Tx). Sealed.
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
    pub(crate) number: Option<Number>,
    pub(crate) claim: Option<Arc<Claim>>,
}

/// What a server calls a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Number {
    pub(crate) id: u64,
    /// Which server gave it, since which crash: what it gave and had not yet
    /// written down when it crashed it gives again. `None` is like nothing else.
    pub(crate) giver: Option<u64>,
}

/// How long to wait for a session that has not ended.
const PATIENCE: Duration = Duration::from_secs(5);

/// How often it is looked at.
const PAUSE: Duration = Duration::from_millis(20);

impl Error {
    /// Finds out what the [unknown outcome](Error::is_outcome_unknown) was, through
    /// another connection of `place`, a pool or a [`Source`], which must lead to the
    /// same database. Of a place of your own [`after_begin`](Source::after_begin) is
    /// run, and nothing else.
    ///
    /// This needs a transaction that has something to be asked by:
    ///
    /// | function | asked by | engines |
    /// |---|---|---|
    /// | `#[transactional(key = expr)]` | its row in the table of [keys](crate::keys), where and as whom it was written | all |
    /// | `#[transactional(resolvable)]` | `pg_xact_status` (PostgreSQL manual, 9.27.7) | PostgreSQL |
    ///
    /// A key is asked first. Otherwise, and for any other error, the answer is
    /// [`Resolution::Unknown`].
    ///
    /// **Only a key survives a crash of the server.** A number that PostgreSQL gave
    /// to a transaction and had not yet written down when it crashed it gives again,
    /// and so does a standby that is promoted. `committed` therefore counts only on
    /// the server that gave the number, and only if it has not crashed since;
    /// otherwise it is unknown. A server that is still a standby is not believed
    /// either.
    ///
    /// # Errors
    ///
    /// When the database cannot be asked; asking again is safe.
    pub async fn resolve<DB: Database>(
        &self,
        place: &impl Source<DB>,
    ) -> Result<Resolution, sqlx::Error> {
        let mut resolution = of(place, &self.ticket).await?;
        for earlier in &self.earlier {
            // One that committed is enough, and one that is unknown too much.
            resolution = match (resolution, of(place, earlier).await?) {
                (Resolution::Committed, _) | (_, Resolution::Committed) => Resolution::Committed,
                (Resolution::RolledBack, Resolution::RolledBack) => Resolution::RolledBack,
                _ => Resolution::Unknown,
            };
        }
        Ok(resolution)
    }
}

/// What became of one attempt.
async fn of<DB: Database>(
    place: &dyn DynSource<DB>,
    ticket: &Ticket,
) -> Result<Resolution, sqlx::Error> {
    if let Some(claim) = &ticket.claim {
        match look_up(place, claim).await? {
            Found::Own => return Ok(Resolution::Committed),
            Found::Another => return Ok(Resolution::RolledBack),
            Found::Hidden | Found::Busy => {}
        }
    }
    match ticket.number {
        Some(number) => ask(place.pool(), number).await,
        None => Ok(Resolution::Unknown),
    }
}

/// Asks the server by the transaction's number.
async fn ask<DB: Database>(pool: &Pool<DB>, number: Number) -> Result<Resolution, sqlx::Error> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let mut connection = pool.acquire().await?;
        let asked = backend::of::<DB>().committed(&mut connection, number);
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
