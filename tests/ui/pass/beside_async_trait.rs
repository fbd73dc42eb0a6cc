//! A trait under `#[async_trait]` calls a transactional function, or a method of
//! the same type.

use async_trait::async_trait;
use sqlx::{Sqlite, SqlitePool};
use sqlx_transactional::{Tx, transactional};

struct Notes {
    pool: SqlitePool,
}

#[async_trait]
trait Rename: Sync {
    async fn rename(&self, id: i64) -> sqlx::Result<i64>;
    async fn inside(&self, tx: &mut Tx<'_, Sqlite>, id: i64) -> sqlx::Result<i64>;
}

impl Notes {
    #[transactional(on = self.pool)]
    async fn renamed(&self, tx: &mut Tx<'_, Sqlite>, id: i64) -> sqlx::Result<i64> {
        self.inside(tx, id).await
    }
}

#[async_trait]
impl Rename for Notes {
    async fn rename(&self, id: i64) -> sqlx::Result<i64> {
        self.renamed(id).await
    }

    async fn inside(&self, tx: &mut Tx<'_, Sqlite>, id: i64) -> sqlx::Result<i64> {
        sqlx::query_scalar("select ?").bind(id).fetch_one(tx).await
    }
}

#[tokio::main]
async fn main() -> sqlx::Result<()> {
    let pool = SqlitePool::connect("sqlite::memory:").await?;
    let notes: Box<dyn Rename> = Box::new(Notes { pool });
    assert_eq!(notes.rename(1).await?, 1);
    Ok(())
}
