//! Everything that a transaction can begin on or join.

use std::sync::Arc;

use sqlx::{Acquire, Connection, Pool, Sqlite, SqliteConnection, SqlitePool};
use sqlx_transactional::{Begin, ReadTx, Source, Tx, Write, read, transaction, transactional};

#[derive(Debug)]
struct Tenant {
    id: i64,
    pool: SqlitePool,
}

impl Source<Sqlite> for Tenant {
    fn pool(&self) -> &Pool<Sqlite> {
        &self.pool
    }

    async fn after_begin(&self, connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
        sqlx::query("select ?")
            .bind(self.id)
            .execute(connection)
            .await?;
        Ok(())
    }
}

#[derive(Debug)]
struct Plain(SqlitePool);

impl Source<Sqlite> for Plain {
    fn pool(&self) -> &Pool<Sqlite> {
        &self.0
    }
}

#[transactional]
async fn write(tx: &mut Tx<'_, Sqlite>) -> sqlx::Result<i64> {
    load(&mut *tx).await?;
    load(tx).await
}

#[transactional]
async fn load(tx: &mut ReadTx<'_, Sqlite>) -> sqlx::Result<i64> {
    let inner = &mut *tx;
    again(inner).await?;
    mandatory(tx).await
}

#[transactional]
async fn again(tx: &mut ReadTx<'_, Sqlite>) -> sqlx::Result<i64> {
    mandatory(tx).await
}

async fn mandatory(tx: &mut ReadTx<'_, Sqlite>) -> sqlx::Result<i64> {
    sqlx::query_scalar("select 1").fetch_one(tx).await
}

async fn anywhere(place: impl Begin<Write<Sqlite>>) -> sqlx::Result<i64> {
    write(place).await
}

#[tokio::main]
async fn main() -> sqlx::Result<()> {
    let pool = SqlitePool::connect("sqlite::memory:").await?;
    let tenant = Tenant {
        id: 1,
        pool: pool.clone(),
    };
    let shared = Arc::new(Tenant {
        id: 2,
        pool: pool.clone(),
    });
    let mut sum = write(&pool).await? + write(pool.clone()).await? + write(&&pool).await?;
    sum += write(&Arc::new(pool.clone())).await?;
    sum += write(&tenant).await? + write(&shared).await? + write(&Plain(pool.clone())).await?;
    sum += load(&pool).await? + load(&tenant).await? + anywhere(&pool).await?;

    let mut pooled = pool.acquire().await?;
    sum += write(&mut pooled).await? + load(&mut pooled).await? + write(&mut *pooled).await?;
    let mut begun = pooled.begin().await?;
    sum += write(&mut begun).await? + load(&mut begun).await? + write(&mut *begun).await?;
    begun.commit().await?;
    drop(pooled);

    let mut alone = SqliteConnection::connect("sqlite::memory:").await?;
    sum += write(&mut alone).await? + anywhere(&mut alone).await?;

    sum += transaction(&pool, async |tx| {
        let sum = write(&mut *tx).await? + load(&mut *tx).await? + anywhere(&mut *tx).await?;
        let inner = transaction(&mut *tx, async |tx| write(tx).await).await?;
        Ok::<_, sqlx::Error>(sum + inner + read(tx, async |tx| load(tx).await).await?)
    })
    .await?;
    assert_eq!(sum, 23);
    Ok(())
}
