//! Functions that a macro of the user's writes, from fragments of every kind.

use sqlx::{Sqlite, SqlitePool};
use sqlx_transactional::{Tx, transactional};

macro_rules! load {
    ($(#[$meta:meta])* $vis:vis fn $name:ident($handle:ty, $ty:ty) -> $result:ty { $($body:tt)* }) => {
        $(#[$meta])*
        #[transactional(name = "from fragments")]
        $vis async fn $name(tx: $handle, id: $ty) -> $result {
            let bound = sqlx::query_scalar("select ?").bind(id);
            bound.fetch_one(tx).await.map($($body)*)
        }
    };
}

macro_rules! body {
    ($name:ident, $body:block) => {
        #[transactional]
        async fn $name(_: &mut Tx<'_, Sqlite>) -> sqlx::Result<i64> $body
    };
}

macro_rules! whole {
    ($item:item) => {
        #[transactional]
        $item
    };
}

macro_rules! on {
    ($name:ident($pool:ident), $place:expr, $handle:ty) => {
        #[transactional(on = $place)]
        async fn $name(tx: &mut $handle, $pool: &SqlitePool) -> sqlx::Result<i64> {
            sqlx::query_scalar("select 1").fetch_one(tx).await
        }
    };
}

whole! {
    async fn from_an_item(tx: &mut Tx<'_, Sqlite>) -> sqlx::Result<i64> {
        sqlx::query_scalar("select 1").fetch_one(tx).await
    }
}

load! {
    /// Documented by the caller.
    pub fn from_fragments(&mut Tx<'_, Sqlite>, i64) -> sqlx::Result<i64> { |id: i64| id + 1 }
}

body!(from_a_block, { Ok(1) });

on!(from_an_expression(pool), pool, Tx<'_, Sqlite>);

#[tokio::main]
async fn main() -> sqlx::Result<()> {
    let pool = SqlitePool::connect("sqlite::memory:").await?;
    assert_eq!(from_fragments(&pool, 1).await?, 2);
    assert_eq!(from_a_block(&pool).await?, 1);
    assert_eq!(from_an_item(&pool).await?, 1);
    assert_eq!(from_an_expression(&pool).await?, 1);
    Ok(())
}
