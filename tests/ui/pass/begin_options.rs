//! How a transaction begins: isolation, locking, settings.

use std::fmt::Display;

use sqlx::{MySql, Postgres, Sqlite};
use sqlx_transactional::{ReadTx, Tx, transactional};

#[transactional(isolation = serializable, immediate)]
async fn immediate(tx: &mut Tx<'_, Sqlite>) -> sqlx::Result<i64> {
    sqlx::query_scalar("select 1").fetch_one(tx).await
}

#[transactional(deferred, isolation = serializable, timeout = "5s")]
async fn deferred(tx: &mut ReadTx<'_, Sqlite>) -> sqlx::Result<i64> {
    sqlx::query_scalar("select 1").fetch_one(tx).await
}

#[transactional(exclusive)]
async fn exclusive(tx: &mut Tx<'_, Sqlite>) -> sqlx::Result<i64> {
    sqlx::query_scalar("select 1").fetch_one(tx).await
}

#[transactional(isolation = repeatable_read)]
pub async fn repeatable(tx: &mut Tx<'_, MySql>) -> sqlx::Result<i64> {
    sqlx::query_scalar("select 1").fetch_one(tx).await
}

#[transactional(isolation = read_uncommitted)]
pub async fn uncommitted(tx: &mut ReadTx<'_, Postgres>) -> sqlx::Result<i64> {
    sqlx::query_scalar("select 1::bigint").fetch_one(tx).await
}

type Report<'a> = ReadTx<'a, Postgres>;

#[transactional(deferrable, isolation = serializable)]
pub async fn report(tx: &mut Report<'_>) -> sqlx::Result<i64> {
    sqlx::query_scalar("select 1::bigint").fetch_one(tx).await
}

pub struct User {
    pub id: i64,
}

#[transactional(
    isolation = read_committed,
    settings(
        "app.user_id" = user.id,
        "app.tenant" = tenant,
        "app.shown" = format_args!("{shown}, {}", &tenant),
        "search_path" = "app",
    ),
)]
pub async fn set(
    tx: &mut Tx<'_, Postgres>,
    user: &User,
    tenant: String,
    shown: impl Display + Send + Sync,
) -> sqlx::Result<i64> {
    drop((tenant, shown));
    sqlx::query_scalar("select 1::bigint").fetch_one(tx).await
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> sqlx::Result<()> {
    let pool = sqlx_transactional::pool::connect::<Sqlite>("sqlite::memory:").await?;
    assert_eq!(immediate(&pool).await?, 1);
    assert_eq!(deferred(&pool).await?, 1);
    assert_eq!(exclusive(&pool).await?, 1);
    let pool = sqlx::PgPool::connect_lazy("postgres://localhost/none")?;
    let _ = set(&pool, &User { id: 1 }, "a".into(), "b");
    Ok(())
}
