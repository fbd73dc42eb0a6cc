//! A caller that passes another type sees the user's signature.

use sqlx::{Sqlite, SqlitePool};
use sqlx_transactional::{Tx, transactional};

#[transactional]
async fn rename(tx: &mut Tx<'_, Sqlite>, id: i64) -> sqlx::Result<()> {
    sqlx::query("select ?").bind(id).execute(tx).await?;
    Ok(())
}

async fn caller(pool: &SqlitePool) -> sqlx::Result<()> {
    rename(pool, "one").await
}

fn main() {}
