//! Two handles cannot be swapped: each is its own function's to end.

use sqlx::Sqlite;
use sqlx_transactional::{Tx, transaction, transactional};

#[transactional]
async fn swap(tx: &mut Tx<'_, Sqlite>, pool: &sqlx::SqlitePool) -> sqlx::Result<()> {
    transaction(pool, async |other| {
        std::mem::swap(tx, other);
        Ok(())
    })
    .await
}

fn main() {}
