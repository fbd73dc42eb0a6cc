//! CAN-17: nor can a task that a block starts.

use sqlx::SqlitePool;
use sqlx_transactional::transaction;

async fn rename(pool: &SqlitePool) -> sqlx::Result<()> {
    transaction(pool, async |tx| {
        tokio::spawn(async move { sqlx::query("select 1").execute(&mut *tx).await });
        Ok(())
    })
    .await
}

fn main() {}
