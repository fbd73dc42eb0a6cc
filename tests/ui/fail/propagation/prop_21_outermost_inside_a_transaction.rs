//! PROP-21: an outermost function is not called inside a transaction.

use sqlx::Sqlite;
use sqlx_transactional::{Tx, transactional};

#[transactional(outermost)]
async fn pay(tx: &mut Tx<'_, Sqlite>) -> sqlx::Result<()> {
    sqlx::query("update accounts set balance = 0")
        .execute(tx)
        .await?;
    Ok(())
}

#[transactional]
async fn checkout(tx: &mut Tx<'_, Sqlite>) -> sqlx::Result<()> {
    pay(&mut *tx).await
}

fn main() {}
