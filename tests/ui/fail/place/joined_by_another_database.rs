//! A function for SQLite does not join a transaction of PostgreSQL.

use sqlx::{Postgres, Sqlite};
use sqlx_transactional::{Tx, transactional};

#[transactional]
async fn rename(tx: &mut Tx<'_, Sqlite>) -> sqlx::Result<()> {
    sqlx::query("select 1").execute(tx).await?;
    Ok(())
}

#[transactional]
async fn caller(tx: &mut Tx<'_, Postgres>) -> sqlx::Result<()> {
    rename(tx).await
}

fn main() {}
