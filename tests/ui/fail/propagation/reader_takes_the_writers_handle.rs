//! A plain function that takes `ReadTx` takes exactly that; annotated, it joins
//! writers too.

use sqlx::Sqlite;
use sqlx_transactional::{ReadTx, Tx, transactional};

async fn load(tx: &mut ReadTx<'_, Sqlite>) -> sqlx::Result<()> {
    sqlx::query("select 1").execute(tx).await?;
    Ok(())
}

#[transactional]
async fn rename(tx: &mut Tx<'_, Sqlite>) -> sqlx::Result<()> {
    load(tx).await
}

fn main() {}
