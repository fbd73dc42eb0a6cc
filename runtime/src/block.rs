//! The block form, for transactions that are not a whole function.

use std::pin::pin;

use sqlx::Database;

use crate::{
    begin::Begin,
    end::end,
    handle::{Read, ReadTx, Tx, Write},
    limits::Limits,
    private::{Options, bounds, claim},
    run::run,
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
    key: Option<String>,
}

/// The block form with options: `on(&pool).name("transfer").run(async |tx| …)`.
pub fn on<P>(place: P) -> Block<P> {
    Block {
        place,
        options: Options::new("transaction"),
        key: None,
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

    /// Limits in time; see [`Limits`] for what keeps each.
    ///
    /// One that the engine cannot keep is refused before `body` is called, as
    /// [`is_unsupported`](crate::Error::is_unsupported).
    pub fn limits(mut self, limits: Limits) -> Self {
        self.options.limits = limits;
        self
    }

    /// Makes an outcome that is not known one that can be
    /// [resolved](crate::Error::resolve).
    pub fn resolvable(mut self) -> Self {
        self.options = self.options.resolvable();
        self
    }

    /// Does the work once for each `key`: see [`keys`](crate::keys).
    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.key = Some(key.into());
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
        let bounds = bounds::<Write<DB>>(&mut tx, self.options);
        let key = self.key.take();
        let body = async {
            if let Some(key) = key
                && let Some(failed) = claim::<Write<DB>, _>(&mut tx, key).await
            {
                return failed;
            }
            body(&mut tx).await
        };
        let ran = run(bounds, pin!(body)).await;
        end::<Write<DB>, _>(tx, ran).await
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
        let bounds = bounds::<Read<DB>>(&mut tx, self.options);
        let key = self.key.take();
        let body = async {
            if let Some(key) = key
                && let Some(failed) = claim::<Read<DB>, _>(&mut tx, key).await
            {
                return failed;
            }
            body(&mut tx).await
        };
        let ran = run(bounds, pin!(body)).await;
        end::<Read<DB>, _>(tx, ran).await
    }
}
