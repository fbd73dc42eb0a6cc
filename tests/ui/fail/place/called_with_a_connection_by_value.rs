//! A connection is lent, so that its owner can use it afterwards.

use sqlx::{Sqlite, SqlitePool};
use sqlx_transactional::{Tx, transactional};

#[transactional]
async fn rename(tx: &mut Tx<'_, Sqlite>) -> sqlx::Result<()> {
    sqlx::query("select 1").execute(tx).await?;
    Ok(())
}

async fn caller(pool: &SqlitePool) -> sqlx::Result<()> {
    let connection = pool.acquire().await?;
    rename(connection).await
}

fn main() {}
