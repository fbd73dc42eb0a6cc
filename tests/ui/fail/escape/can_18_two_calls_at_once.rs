//! CAN-18: one connection does one thing at a time.

use sqlx::Sqlite;
use sqlx_transactional::{Tx, transactional};

#[transactional]
async fn insert(tx: &mut Tx<'_, Sqlite>) -> sqlx::Result<()> {
    sqlx::query("insert into notes default values")
        .execute(tx)
        .await?;
    Ok(())
}

#[transactional]
async fn fill(tx: &mut Tx<'_, Sqlite>) -> sqlx::Result<()> {
    let (first, second) = tokio::join!(insert(&mut *tx), insert(&mut *tx));
    first.and(second)
}

fn main() {}
