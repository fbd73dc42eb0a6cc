//! The block form, for transactions that are not a whole function.

use sqlx::Database;
use tracing::Instrument;

use crate::{
    begin::Begin,
    end::end,
    handle::{Access, Read, ReadTx, Tx, Write},
    private::Options,
};

/// Runs `body` in a transaction begun on `place`, or joined to it.
///
/// Everything said of [`#[transactional]`](macro@crate::transactional) holds:
/// `Ok` commits, `Err`, a panic and a dropped future roll back, and nothing is
/// sent before the first statement.
///
/// ```
/// # async fn run(pool: &sqlx::SqlitePool) -> Result<(), sqlx::Error> {
/// let name = String::from("Ada");
/// let id = sqlx_transactional::transaction(pool, async |tx| {
///     let insert = sqlx::query("insert into users (name) values (?)").bind(&name);
///     Ok::<_, sqlx::Error>(insert.execute(&mut *tx).await?.last_insert_rowid())
/// })
/// .await?;
/// # let _ = id; Ok(())
/// # }
/// ```
///
/// # Errors
///
/// The body's, or the error of beginning or ending the transaction.
pub async fn transaction<DB, P, T, E, F>(place: P, body: F) -> Result<T, E>
where
    DB: Database,
    P: Begin<Write<DB>>,
    E: From<sqlx::Error>,
    F: AsyncFnOnce(&mut Tx<'_, DB>) -> Result<T, E>,
{
    on(place).run(body).await
}

/// Runs `body` in a transaction that only reads; otherwise as [`transaction`].
///
/// # Errors
///
/// The body's, or the error of beginning or ending the transaction.
pub async fn read<DB, P, T, E, F>(place: P, body: F) -> Result<T, E>
where
    DB: Database,
    P: Begin<Read<DB>>,
    E: From<sqlx::Error>,
    F: AsyncFnOnce(&mut ReadTx<'_, DB>) -> Result<T, E>,
{
    on(place).read(body).await
}

/// A block with options: see [`on`].
#[derive(Debug)]
#[must_use = "nothing happens before `run` or `read`"]
pub struct Block<P> {
    place: P,
    options: Options,
}

/// The block form with options: `on(&pool).name("transfer").run(async |tx| …)`.
pub fn on<P>(place: P) -> Block<P> {
    Block {
        place,
        options: Options::new("transaction"),
    }
}

impl<P> Block<P> {
    /// The name in spans; `transaction` if there is none.
    pub fn name(mut self, name: &'static str) -> Self {
        self.options.name = name;
        self
    }

    /// Inside a transaction, makes a savepoint instead of joining: the block's
    /// failure then undoes only the block.
    pub fn savepoint(mut self) -> Self {
        self.options = self.options.savepoint();
        self
    }

    /// Runs `body` in a transaction that reads and writes.
    ///
    /// # Errors
    ///
    /// The body's, or the error of beginning or ending the transaction.
    pub async fn run<DB, T, E, F>(mut self, body: F) -> Result<T, E>
    where
        DB: Database,
        P: Begin<Write<DB>>,
        E: From<sqlx::Error>,
        F: AsyncFnOnce(&mut Tx<'_, DB>) -> Result<T, E>,
    {
        let mut tx = self.place.begin(self.options);
        let span = Write::<DB>::span(&tx).clone();
        let result = body(&mut tx).instrument(span).await;
        end::<Write<DB>, _>(tx, result).await
    }

    /// Runs `body` in a transaction that only reads.
    ///
    /// # Errors
    ///
    /// The body's, or the error of beginning or ending the transaction.
    pub async fn read<DB, T, E, F>(mut self, body: F) -> Result<T, E>
    where
        DB: Database,
        P: Begin<Read<DB>>,
        E: From<sqlx::Error>,
        F: AsyncFnOnce(&mut ReadTx<'_, DB>) -> Result<T, E>,
    {
        let mut tx = self.place.begin(self.options);
        let span = Read::<DB>::span(&tx).clone();
        let result = body(&mut tx).instrument(span).await;
        end::<Read<DB>, _>(tx, result).await
    }
}
