//! A function for SQLite does not begin on a pool of PostgreSQL.

use sqlx::{PgPool, Sqlite};
use sqlx_transactional::{Tx, transactional};

#[transactional]
async fn rename(tx: &mut Tx<'_, Sqlite>) -> sqlx::Result<()> {
    sqlx::query("select 1").execute(tx).await?;
    Ok(())
}

async fn caller(pool: &PgPool) -> sqlx::Result<()> {
    rename(pool).await
}

fn main() {}
