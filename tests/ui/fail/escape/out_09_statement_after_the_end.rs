//! OUT-09: after its end there is no handle to run a statement on, because a
//! variable outside a block cannot keep it.

use sqlx::SqlitePool;
use sqlx_transactional::transaction;

async fn rename(pool: &SqlitePool) -> sqlx::Result<()> {
    let mut kept = None;
    transaction(pool, async |tx| {
        kept = Some(tx);
        Ok::<_, sqlx::Error>(())
    })
    .await?;
    if let Some(tx) = kept {
        sqlx::query("select 1").execute(tx).await?;
    }
    Ok(())
}

fn main() {}
