//! A block without a result cannot say whether to commit either.

use sqlx::SqlitePool;
use sqlx_transactional::transaction;

async fn rename(pool: &SqlitePool) -> sqlx::Result<()> {
    transaction(pool, async |tx| {
        let _ = tx;
    })
    .await
}

fn main() {}
