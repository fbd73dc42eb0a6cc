//! One function for every database that a trait of the user's is implemented
//! for.

use sqlx::{Database, MySql, Pool, Postgres, Sqlite};
use sqlx_transactional::{ReadTx, Tx, transactional};

trait Store: Database {
    fn rename(tx: &mut Tx<'_, Self>, id: i64) -> impl Future<Output = sqlx::Result<()>> + Send;
    fn load(tx: &mut ReadTx<'_, Self>, id: i64) -> impl Future<Output = sqlx::Result<i64>> + Send;
}

macro_rules! store {
    ($($database:ident)*) => {$(
        impl Store for $database {
            async fn rename(tx: &mut Tx<'_, Self>, id: i64) -> sqlx::Result<()> {
                sqlx::query("select 1").bind(id).execute(tx).await?;
                Ok(())
            }

            async fn load(tx: &mut ReadTx<'_, Self>, _: i64) -> sqlx::Result<i64> {
                sqlx::query_scalar("select 1").fetch_one(tx).await
            }
        }
    )*};
}

store!(Sqlite Postgres MySql);

#[transactional]
async fn rename<DB: Store>(tx: &mut Tx<'_, DB>, id: i64) -> sqlx::Result<i64> {
    DB::rename(&mut *tx, id).await?;
    load(tx, id).await
}

#[transactional(outermost)]
async fn load_alone<DB>(tx: &mut ReadTx<'_, DB>, id: i64) -> sqlx::Result<i64>
where
    DB: Store,
{
    load(tx, id).await
}

#[transactional]
async fn load<DB: Store>(tx: &mut ReadTx<'_, DB>, id: i64) -> sqlx::Result<i64> {
    DB::load(tx, id).await
}

struct Service<DB: Database> {
    pool: Pool<DB>,
}

impl<DB: Store> Service<DB> {
    #[transactional(on = self.pool)]
    async fn rename(&self, tx: &mut Tx<'_, DB>, id: i64) -> sqlx::Result<i64> {
        rename(tx, id).await
    }
}

fn spawned<DB: Store>(pool: Pool<DB>) -> tokio::task::JoinHandle<sqlx::Result<i64>> {
    tokio::spawn(async move {
        let service = Service { pool: pool.clone() };
        Ok(service.rename(1).await? + rename(&pool, 1).await? + load_alone(&pool, 1).await?)
    })
}

#[tokio::main]
async fn main() -> sqlx::Result<()> {
    let pool = Pool::<Sqlite>::connect("sqlite::memory:").await?;
    assert_eq!(spawned(pool).await.unwrap()?, 3);
    Ok(())
}
