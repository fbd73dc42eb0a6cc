//! ISO-10: nor can a block that only reads.

use sqlx::{Sqlite, SqlitePool};
use sqlx_transactional::{Tx, read, transactional};

#[transactional]
async fn rename(tx: &mut Tx<'_, Sqlite>) -> sqlx::Result<()> {
    sqlx::query("update notes set title = ''")
        .execute(tx)
        .await?;
    Ok(())
}

async fn load(pool: &SqlitePool) -> sqlx::Result<()> {
    read(pool, async |tx| rename(&mut *tx).await).await
}

fn main() {}
