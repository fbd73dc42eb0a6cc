//! A value comes after an equals sign.

use sqlx::{Sqlite, SqlitePool};
use sqlx_transactional::{Tx, transactional};

#[transactional(on(pool))]
async fn rename(tx: &mut Tx<'_, Sqlite>, pool: &SqlitePool) -> sqlx::Result<()> {
    sqlx::query("select ?")
        .bind(pool.size())
        .execute(tx)
        .await?;
    Ok(())
}

fn main() {}
