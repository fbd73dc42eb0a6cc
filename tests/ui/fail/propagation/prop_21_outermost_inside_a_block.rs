//! PROP-21: nor inside a block.

use sqlx::{Sqlite, SqlitePool};
use sqlx_transactional::{Tx, transaction, transactional};

#[transactional(outermost)]
async fn pay(tx: &mut Tx<'_, Sqlite>) -> sqlx::Result<()> {
    sqlx::query("update accounts set balance = 0")
        .execute(tx)
        .await?;
    Ok(())
}

async fn checkout(pool: &SqlitePool) -> sqlx::Result<()> {
    transaction(pool, async |tx| pay(&mut *tx).await).await
}

fn main() {}
