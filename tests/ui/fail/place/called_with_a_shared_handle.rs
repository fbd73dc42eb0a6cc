//! To join a transaction is to use it, so a shared reference is not enough.

use sqlx::Sqlite;
use sqlx_transactional::{Tx, transactional};

#[transactional]
async fn rename(tx: &mut Tx<'_, Sqlite>) -> sqlx::Result<()> {
    sqlx::query("select 1").execute(tx).await?;
    Ok(())
}

#[transactional]
async fn caller(tx: &mut Tx<'_, Sqlite>) -> sqlx::Result<()> {
    rename(&*tx).await
}

fn main() {}
