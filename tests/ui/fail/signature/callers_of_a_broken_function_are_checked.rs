//! A mistake in one function is no mistake of those who call it.

use sqlx::{Sqlite, SqlitePool};
use sqlx_transactional::{Tx, transactional};

#[transactional(frobnicate)]
async fn rename(tx: &mut Tx<'_, Sqlite>, id: i64) -> sqlx::Result<()> {
    sqlx::query("select ?").bind(id).execute(tx).await?;
    Ok(())
}

#[transactional]
fn load(tx: &mut Tx<'_, Sqlite>, id: i64) -> sqlx::Result<()> {
    rename(tx, id).await
}

async fn caller(pool: &SqlitePool) -> sqlx::Result<()> {
    rename(pool, 1).await?;
    load(pool, 1).await
}

fn main() {}
