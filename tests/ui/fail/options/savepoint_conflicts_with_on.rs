//! A function that begins its own transaction has none to set a savepoint in.

use sqlx::{Sqlite, SqlitePool};
use sqlx_transactional::{Tx, transactional};

#[transactional(on = pool, savepoint)]
async fn rename(tx: &mut Tx<'_, Sqlite>, pool: &SqlitePool) -> sqlx::Result<()> {
    sqlx::query("select ?")
        .bind(pool.size())
        .execute(tx)
        .await?;
    Ok(())
}

fn main() {}
