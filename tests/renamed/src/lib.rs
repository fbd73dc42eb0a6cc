//! A crate that knows `sqlx-transactional` under another name only.
//!
//! There is no `sqlx_transactional` here that the attribute's output could
//! mean, so this compiles only if `crate = ::renamed` reaches all of it. Every
//! form and every option leaves its own output.
#![forbid(warnings, unused, clippy::all)]

use renamed::{ReadTx, Tx, transactional};
use sqlx::{Sqlite, SqlitePool};

/// The crate again, re-exported.
mod vendored {
    pub(crate) use renamed::*;
}

/// Methods in a trait.
trait Declared {
    #[transactional(crate = ::renamed)]
    async fn declared(&self, tx: &mut Tx<'_, Sqlite>) -> sqlx::Result<i64>;

    #[transactional(crate = ::renamed, outermost)]
    async fn outermost(&self, tx: &mut ReadTx<'_, Sqlite>) -> sqlx::Result<i64> {
        sqlx::query_scalar("select 1").fetch_one(tx).await
    }
}

/// A pool with methods.
#[derive(Debug)]
pub struct Notes {
    pool: SqlitePool,
}

impl Declared for Notes {
    #[transactional(savepoint, crate = ::renamed)]
    async fn declared(&self, tx: &mut Tx<'_, Sqlite>) -> sqlx::Result<i64> {
        sqlx::query_scalar("select 1").fetch_one(tx).await
    }
}

impl Notes {
    /// Notes in a pool.
    #[must_use]
    pub fn new(pool: SqlitePool) -> Self {
        Self { pool }
    }

    /// Begins on its own, and calls the others.
    ///
    /// # Errors
    ///
    /// The database's.
    #[transactional(on = self.pool, name = "renamed", crate = ::renamed)]
    pub async fn count(&self, tx: &mut Tx<'_, Sqlite>) -> sqlx::Result<i64> {
        Ok(self.declared(&mut *tx).await? + elsewhere::plain(tx).await?)
    }

    /// Begins on a pool of its own.
    ///
    /// # Errors
    ///
    /// The database's.
    pub async fn outermost(&self) -> sqlx::Result<i64> {
        Declared::outermost(self, &self.pool).await
    }
}

mod elsewhere {
    use sqlx::Sqlite;

    use crate::vendored::{Tx, transactional};

    #[transactional(crate = crate::vendored)]
    pub(crate) async fn plain(tx: &mut Tx<'_, Sqlite>) -> sqlx::Result<i64> {
        sqlx::query_scalar("select 1").fetch_one(tx).await
    }
}
