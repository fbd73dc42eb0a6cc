//! A place to begin needs the name of its option.

use sqlx::{Sqlite, SqlitePool};
use sqlx_transactional::{Tx, transactional};

#[transactional(pool.clone())]
async fn rename(tx: &mut Tx<'_, Sqlite>, pool: &SqlitePool) -> sqlx::Result<()> {
    sqlx::query("select ?")
        .bind(pool.size())
        .execute(tx)
        .await?;
    Ok(())
}

fn main() {}
