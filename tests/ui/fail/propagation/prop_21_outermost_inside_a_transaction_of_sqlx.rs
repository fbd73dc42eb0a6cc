//! PROP-21: nor inside a transaction that sqlx began.

use sqlx::{Sqlite, SqlitePool};
use sqlx_transactional::{Tx, transactional};

#[transactional(outermost)]
async fn pay(tx: &mut Tx<'_, Sqlite>) -> sqlx::Result<()> {
    sqlx::query("update accounts set balance = 0")
        .execute(tx)
        .await?;
    Ok(())
}

async fn checkout(pool: &SqlitePool) -> sqlx::Result<()> {
    let mut begun = pool.begin().await?;
    pay(&mut begun).await?;
    begun.commit().await
}

fn main() {}
