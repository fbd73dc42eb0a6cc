//! CAN-17: a task that outlives the transaction cannot have its handle.

use sqlx::Sqlite;
use sqlx_transactional::{Tx, transactional};

#[transactional]
async fn rename(tx: &mut Tx<'_, Sqlite>) -> sqlx::Result<()> {
    tokio::spawn(async move { sqlx::query("select 1").execute(&mut *tx).await });
    Ok(())
}

fn main() {}
