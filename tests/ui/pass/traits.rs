//! Declarations in traits, implementations, default bodies, calls through a type
//! parameter.

use sqlx::{Sqlite, SqlitePool};
use sqlx_transactional::{Begin, ReadTx, Tx, Write, transactional};

trait Notes {
    /// Declared here.
    #[transactional]
    async fn rename(&self, tx: &mut Tx<'_, Sqlite>, id: i64) -> sqlx::Result<i64>;

    #[transactional]
    async fn load(&self, tx: &mut ReadTx<'_, Sqlite>) -> sqlx::Result<i64>;

    #[transactional(outermost)]
    async fn pay(&self, tx: &mut Tx<'_, Sqlite>) -> sqlx::Result<i64>;

    #[transactional]
    async fn twice(&self, tx: &mut Tx<'_, Sqlite>, id: i64) -> sqlx::Result<i64> {
        self.rename(&mut *tx, id).await?;
        self.rename(tx, id).await
    }
}

struct Embedded(i64);

impl Notes for Embedded {
    #[transactional(savepoint, name = "embedded")]
    async fn rename(&self, tx: &mut Tx<'_, Sqlite>, id: i64) -> sqlx::Result<i64> {
        Ok(self.load(tx).await? + id)
    }

    #[transactional]
    async fn load(&self, tx: &mut ReadTx<'_, Sqlite>) -> sqlx::Result<i64> {
        sqlx::query_scalar("select ?")
            .bind(self.0)
            .fetch_one(tx)
            .await
    }

    #[transactional(outermost)]
    async fn pay(&self, tx: &mut Tx<'_, Sqlite>) -> sqlx::Result<i64> {
        self.twice(tx, 1).await
    }
}

async fn everywhere(notes: &impl Notes, place: impl Begin<Write<Sqlite>>) -> sqlx::Result<i64> {
    notes.twice(place, 2).await
}

#[tokio::main]
async fn main() -> sqlx::Result<()> {
    let pool = SqlitePool::connect("sqlite::memory:").await?;
    assert_eq!(Embedded(40).pay(&pool).await?, 41);
    assert_eq!(everywhere(&Embedded(40), &pool).await?, 42);
    Ok(())
}
