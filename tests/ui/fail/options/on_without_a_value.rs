//! `on` says where.

use sqlx::{Sqlite, SqlitePool};
use sqlx_transactional::{Tx, transactional};

#[transactional(on)]
async fn rename(tx: &mut Tx<'_, Sqlite>, pool: &SqlitePool) -> sqlx::Result<()> {
    sqlx::query("select ?")
        .bind(pool.size())
        .execute(tx)
        .await?;
    Ok(())
}

fn main() {}
