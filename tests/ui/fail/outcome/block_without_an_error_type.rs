//! Where nothing else says it, a block has to say which error it returns.

use sqlx::SqlitePool;
use sqlx_transactional::transaction;

async fn rename(pool: &SqlitePool) {
    let renamed = transaction(pool, async |tx| {
        sqlx::query("select 1").execute(&mut *tx).await?;
        Ok(())
    });
    let _ = renamed.await;
}

fn main() {}
