//! A transaction begins in one place.

use sqlx::{Sqlite, SqlitePool};
use sqlx_transactional::{Tx, transactional};

#[transactional(on = pool, on = pool)]
async fn rename(tx: &mut Tx<'_, Sqlite>, pool: &SqlitePool) -> sqlx::Result<()> {
    sqlx::query("select ?")
        .bind(pool.size())
        .execute(tx)
        .await?;
    Ok(())
}

fn main() {}
