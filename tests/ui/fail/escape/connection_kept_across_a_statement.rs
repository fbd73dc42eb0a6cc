//! The connection is borrowed from the handle.

use sqlx::Sqlite;
use sqlx_transactional::{Tx, transactional};

#[transactional]
async fn rename(tx: &mut Tx<'_, Sqlite>) -> sqlx::Result<()> {
    let connection = tx.connection().await?;
    sqlx::query("select 1").execute(&mut *tx).await?;
    sqlx::query("select 2").execute(connection).await?;
    Ok(())
}

fn main() {}
