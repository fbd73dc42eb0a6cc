//! Nor is it something for a block to return.

use sqlx::SqlitePool;
use sqlx_transactional::transaction;

async fn begin(pool: &SqlitePool) -> sqlx::Result<()> {
    let tx = transaction(pool, async |tx| Ok::<_, sqlx::Error>(tx)).await?;
    sqlx::query("select 1").execute(tx).await?;
    Ok(())
}

fn main() {}
