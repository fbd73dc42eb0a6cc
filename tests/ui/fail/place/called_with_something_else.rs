//! A transaction begins on a pool, a connection or a source.

use sqlx::Sqlite;
use sqlx_transactional::{Tx, transactional};

#[transactional]
async fn rename(tx: &mut Tx<'_, Sqlite>, id: i64) -> sqlx::Result<()> {
    sqlx::query("select ?").bind(id).execute(tx).await?;
    Ok(())
}

async fn caller() -> sqlx::Result<()> {
    rename(String::from("sqlite::memory:"), 1).await
}

fn main() {}
