//! With `on`, a method has the signature that somebody else's trait demands.

use sqlx::{Sqlite, SqlitePool};
use sqlx_transactional::{Tx, transactional};

trait Handler {
    async fn handle(&self, id: i64) -> sqlx::Result<i64>;
}

struct Notes {
    pool: SqlitePool,
}

impl Handler for Notes {
    #[transactional(on = self.pool)]
    async fn handle(&self, tx: &mut Tx<'_, Sqlite>, id: i64) -> sqlx::Result<i64> {
        sqlx::query_scalar("select ?").bind(id).fetch_one(tx).await
    }
}

#[tokio::main]
async fn main() -> sqlx::Result<()> {
    let pool = SqlitePool::connect("sqlite::memory:").await?;
    assert_eq!(Notes { pool }.handle(1).await?, 1);
    Ok(())
}
