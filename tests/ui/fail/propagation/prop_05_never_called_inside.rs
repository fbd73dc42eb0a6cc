//! PROP-05: a function that must not run inside a transaction takes the pool,
//! and a transaction is no pool.

use sqlx::{Sqlite, SqlitePool};
use sqlx_transactional::{Tx, transactional};

async fn vacuum(pool: &SqlitePool) -> sqlx::Result<()> {
    sqlx::query("vacuum").execute(pool).await?;
    Ok(())
}

#[transactional]
async fn tidy(tx: &mut Tx<'_, Sqlite>) -> sqlx::Result<()> {
    vacuum(tx).await
}

fn main() {}
