//! A plain function that takes `Tx` runs inside a transaction only.

use sqlx::{Sqlite, SqlitePool};
use sqlx_transactional::Tx;

async fn rename(tx: &mut Tx<'_, Sqlite>, id: i64) -> sqlx::Result<()> {
    sqlx::query("update notes set title = '' where id = ?")
        .bind(id)
        .execute(tx)
        .await?;
    Ok(())
}

async fn caller(pool: &SqlitePool) -> sqlx::Result<()> {
    rename(pool, 1).await
}

fn main() {}
