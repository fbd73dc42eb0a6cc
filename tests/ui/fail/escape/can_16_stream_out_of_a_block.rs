//! CAN-16: nor can they leave a block.

use futures_util::TryStreamExt;
use sqlx::SqlitePool;
use sqlx_transactional::read;

async fn first(pool: &SqlitePool) -> sqlx::Result<()> {
    let mut rows = read(pool, async |tx| {
        Ok::<_, sqlx::Error>(sqlx::query("select id from notes").fetch(tx))
    })
    .await?;
    rows.try_next().await?;
    Ok(())
}

fn main() {}
