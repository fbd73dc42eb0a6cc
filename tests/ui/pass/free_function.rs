//! The plainest form: a free function that begins or joins.

use sqlx::{Sqlite, SqlitePool};
use sqlx_transactional::{ReadTx, Tx, transactional};

/// Renames a note.
#[transactional]
pub async fn rename(tx: &mut Tx<'_, Sqlite>, id: i64, title: &str) -> Result<bool, sqlx::Error> {
    let renamed = sqlx::query("select ?, ?")
        .bind(title)
        .bind(id)
        .execute(&mut *tx)
        .await?;
    Ok(load(tx, id).await? == id && renamed.rows_affected() == 0)
}

#[transactional]
async fn load(tx: &mut ReadTx<'_, Sqlite>, id: i64) -> sqlx::Result<i64> {
    sqlx::query_scalar("select ?").bind(id).fetch_one(tx).await
}

#[tokio::main]
async fn main() -> sqlx::Result<()> {
    let pool = SqlitePool::connect("sqlite::memory:").await?;
    assert!(rename(&pool, 1, "first").await?);
    assert!(rename(pool, 1, "first").await?);
    Ok(())
}
