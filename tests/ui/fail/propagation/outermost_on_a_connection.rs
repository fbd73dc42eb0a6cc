//! A connection may be inside a transaction of its owner's, so an outermost
//! function cannot begin on one.

use sqlx::{Sqlite, SqliteConnection};
use sqlx_transactional::{Tx, transactional};

#[transactional(outermost)]
async fn pay(tx: &mut Tx<'_, Sqlite>) -> sqlx::Result<()> {
    sqlx::query("update accounts set balance = 0")
        .execute(tx)
        .await?;
    Ok(())
}

async fn checkout(connection: &mut SqliteConnection) -> sqlx::Result<()> {
    pay(connection).await
}

fn main() {}
