//! An outermost function that only reads is outermost all the same.

use sqlx::Sqlite;
use sqlx_transactional::{ReadTx, Tx, transactional};

#[transactional(outermost)]
async fn report(tx: &mut ReadTx<'_, Sqlite>) -> sqlx::Result<()> {
    sqlx::query("select 1").execute(tx).await?;
    Ok(())
}

#[transactional]
async fn checkout(tx: &mut Tx<'_, Sqlite>) -> sqlx::Result<()> {
    report(&mut *tx).await
}

fn main() {}
