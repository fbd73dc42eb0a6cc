//! A caller that leaves an argument out sees the user's signature.

use sqlx::{Sqlite, SqlitePool};
use sqlx_transactional::{Tx, transactional};

#[transactional]
async fn rename(tx: &mut Tx<'_, Sqlite>, id: i64, title: &str) -> sqlx::Result<()> {
    sqlx::query("select ?, ?")
        .bind(id)
        .bind(title)
        .execute(tx)
        .await?;
    Ok(())
}

async fn caller(pool: &SqlitePool) -> sqlx::Result<()> {
    rename(pool, 1).await
}

fn main() {}
