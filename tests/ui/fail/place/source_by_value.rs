//! A source is passed by reference, as a pool can be.

use sqlx::{Pool, Sqlite, SqlitePool};
use sqlx_transactional::{Source, Tx, transactional};

#[derive(Debug)]
struct Tenant {
    pool: SqlitePool,
}

impl Source<Sqlite> for Tenant {
    fn pool(&self) -> &Pool<Sqlite> {
        &self.pool
    }
}

#[transactional]
async fn rename(tx: &mut Tx<'_, Sqlite>) -> sqlx::Result<()> {
    sqlx::query("select 1").execute(tx).await?;
    Ok(())
}

async fn caller(tenant: Tenant) -> sqlx::Result<()> {
    rename(tenant).await
}

fn main() {}
