//! A private function that only another transactional function calls is used,
//! and nothing that the attribute writes is not.

use sqlx::Sqlite;
use sqlx_transactional::{ReadTx, transactional};

/// Calls the private one.
///
/// # Errors
///
/// The database's.
#[transactional]
pub async fn load(tx: &mut ReadTx<'_, Sqlite>) -> sqlx::Result<i64> {
    private(tx).await
}

#[transactional]
async fn private(tx: &mut ReadTx<'_, Sqlite>) -> sqlx::Result<i64> {
    sqlx::query_scalar("select 1").fetch_one(tx).await
}
