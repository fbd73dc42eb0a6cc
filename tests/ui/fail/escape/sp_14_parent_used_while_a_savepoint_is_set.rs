//! SP-14: until a savepoint is over, its parent can do nothing.

use sqlx::Sqlite;
use sqlx_transactional::{Tx, transactional};

#[transactional]
async fn fill(tx: &mut Tx<'_, Sqlite>) -> sqlx::Result<()> {
    tx.savepoint(async |inner| {
        sqlx::query("select 1").execute(&mut *inner).await?;
        sqlx::query("select 2").execute(&mut *tx).await?;
        Ok(())
    })
    .await
}

fn main() {}
