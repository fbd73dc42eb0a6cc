//! Every option, alone and together with those it goes with.

use sqlx::{Sqlite, SqlitePool};
use sqlx_transactional::{ReadTx, Tx, transactional};

#[transactional()]
async fn none(tx: &mut Tx<'_, Sqlite>) -> sqlx::Result<i64> {
    sqlx::query_scalar("select 1").fetch_one(tx).await
}

#[transactional(savepoint)]
async fn savepoint(tx: &mut Tx<'_, Sqlite>) -> sqlx::Result<i64> {
    none(tx).await
}

#[transactional(outermost)]
async fn outermost(tx: &mut Tx<'_, Sqlite>) -> sqlx::Result<i64> {
    savepoint(tx).await
}

#[transactional(name = "counted")]
async fn named(tx: &mut Tx<'_, Sqlite>) -> sqlx::Result<i64> {
    none(tx).await
}

#[transactional(name = r#"counted "twice""#, savepoint, crate = ::sqlx_transactional)]
async fn three(tx: &mut ReadTx<'_, Sqlite>) -> sqlx::Result<i64> {
    sqlx::query_scalar("select 1").fetch_one(tx).await
}

#[transactional(on = pool, outermost, name = "injected", crate = ::sqlx_transactional)]
async fn four(tx: &mut Tx<'_, Sqlite>, pool: &SqlitePool) -> sqlx::Result<i64> {
    three(tx).await
}

struct Notes {
    pools: Vec<SqlitePool>,
}

impl Notes {
    fn pool(&self, tenant: usize) -> &SqlitePool {
        &self.pools[tenant]
    }

    #[transactional(on = self.pools[0])]
    async fn on_an_element(&self, tx: &mut Tx<'_, Sqlite>) -> sqlx::Result<i64> {
        none(tx).await
    }

    #[transactional(on = self.pool(tenant))]
    async fn on_a_reference(&self, tx: &mut Tx<'_, Sqlite>, tenant: usize) -> sqlx::Result<i64> {
        none(tx).await
    }

    #[transactional(on = self.pool(tenant).clone())]
    async fn on_a_value(&self, tx: &mut Tx<'_, Sqlite>, tenant: usize) -> sqlx::Result<i64> {
        none(tx).await
    }

    #[transactional(on = match tenant { 0 => &self.pools[0], _ => &self.pools[1] })]
    async fn on_a_match(&self, tx: &mut Tx<'_, Sqlite>, tenant: usize) -> sqlx::Result<i64> {
        none(tx).await
    }

    #[transactional(on = self.pools.first().ok_or(sqlx::Error::PoolClosed)?)]
    async fn on_what_may_fail(&self, tx: &mut Tx<'_, Sqlite>) -> sqlx::Result<i64> {
        none(tx).await
    }

    #[transactional(on = &mut *connection)]
    async fn on_a_connection(
        tx: &mut Tx<'_, Sqlite>,
        connection: &mut sqlx::SqliteConnection,
    ) -> sqlx::Result<i64> {
        none(tx).await
    }
}

#[tokio::main]
async fn main() -> sqlx::Result<()> {
    let pool = SqlitePool::connect("sqlite::memory:").await?;
    let five = none(&pool).await?
        + outermost(&pool).await?
        + named(&pool).await?
        + three(&pool).await?
        + four(&pool).await?;
    assert_eq!(five, 5);
    let notes = Notes {
        pools: vec![pool.clone(), pool.clone()],
    };
    let five = notes.on_an_element().await?
        + notes.on_a_reference(1).await?
        + notes.on_a_value(0).await?
        + notes.on_a_match(0).await?
        + notes.on_what_may_fail().await?;
    assert_eq!(five, 5);
    let empty = Notes { pools: vec![] };
    assert!(empty.on_what_may_fail().await.is_err());
    let mut connection = pool.acquire().await?;
    assert_eq!(Notes::on_a_connection(&mut connection).await?, 1);
    Ok(())
}
