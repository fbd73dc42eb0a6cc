//! `#[tracing::instrument]` on either side.

use sqlx::{Sqlite, SqlitePool};
use sqlx_transactional::{Tx, transactional};
use tracing::instrument;

#[instrument(skip(tx), err)]
#[transactional]
async fn outside(tx: &mut Tx<'_, Sqlite>, id: i64) -> sqlx::Result<i64> {
    sqlx::query_scalar("select ?").bind(id).fetch_one(tx).await
}

#[transactional]
#[instrument(skip(tx), fields(kind = "inside"), ret)]
async fn inside(tx: &mut Tx<'_, Sqlite>, id: i64) -> sqlx::Result<i64> {
    sqlx::query_scalar("select ?").bind(id).fetch_one(tx).await
}

#[instrument]
#[transactional]
async fn with_the_place(tx: &mut Tx<'_, Sqlite>, id: i64) -> sqlx::Result<i64> {
    sqlx::query_scalar("select ?").bind(id).fetch_one(tx).await
}

struct Notes {
    pool: SqlitePool,
}

impl Notes {
    #[transactional(on = self.pool)]
    #[instrument(skip_all)]
    async fn injected(&self, tx: &mut Tx<'_, Sqlite>, id: i64) -> sqlx::Result<i64> {
        sqlx::query_scalar("select ?").bind(id).fetch_one(tx).await
    }

    #[instrument(skip(self))]
    #[transactional(on = self.pool)]
    async fn injected_inside(&self, tx: &mut Tx<'_, Sqlite>, id: i64) -> sqlx::Result<i64> {
        sqlx::query_scalar("select ?").bind(id).fetch_one(tx).await
    }
}

#[tokio::main]
async fn main() -> sqlx::Result<()> {
    let pool = SqlitePool::connect("sqlite::memory:").await?;
    let three =
        outside(&pool, 1).await? + inside(&pool, 1).await? + with_the_place(&pool, 1).await?;
    assert_eq!(three, 3);
    let notes = Notes { pool };
    assert_eq!(
        notes.injected(1).await? + notes.injected_inside(1).await?,
        2
    );
    Ok(())
}
