//! CAN-18: one connection does one thing at a time.

use sqlx::Sqlite;
use sqlx_transactional::{Tx, transactional};

#[transactional]
async fn fill(tx: &mut Tx<'_, Sqlite>) -> sqlx::Result<()> {
    let first = sqlx::query("select 1").execute(&mut *tx);
    let second = sqlx::query("select 2").execute(&mut *tx);
    tokio::try_join!(first, second)?;
    Ok(())
}

fn main() {}
