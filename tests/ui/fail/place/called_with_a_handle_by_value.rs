//! A transaction is joined through a reference to its handle.

use sqlx::Sqlite;
use sqlx_transactional::{Tx, transactional};

#[transactional]
async fn rename(tx: &mut Tx<'_, Sqlite>) -> sqlx::Result<()> {
    sqlx::query("select 1").execute(tx).await?;
    Ok(())
}

#[transactional]
async fn caller(tx: &mut Tx<'_, Sqlite>) -> sqlx::Result<()> {
    rename(*tx).await
}

fn main() {}
