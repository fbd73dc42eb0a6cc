//! The handle is what its type is, under whatever name.

use sqlx::{Sqlite, SqlitePool};
use sqlx_transactional::{Handle, Read, ReadTx, Tx, transactional};

type Db<'t> = Tx<'t, Sqlite>;
type Reads<'t, DB = Sqlite> = ReadTx<'t, DB>;

mod imported {
    pub use sqlx_transactional::Tx as Transaction;
}

trait Store {
    type Database: sqlx::Database;
}

struct Embedded;

impl Store for Embedded {
    type Database = Sqlite;
}

#[transactional]
async fn alias(tx: &mut Db<'_>) -> sqlx::Result<i64> {
    sqlx::query_scalar("select 1").fetch_one(tx).await
}

#[transactional]
async fn defaulted(tx: &mut Reads<'_>) -> sqlx::Result<i64> {
    sqlx::query_scalar("select 1").fetch_one(tx).await
}

#[transactional]
async fn renamed(tx: &mut imported::Transaction<'_, Sqlite>) -> sqlx::Result<i64> {
    sqlx::query_scalar("select 1").fetch_one(tx).await
}

#[transactional]
async fn whole_path(tx: &mut ::sqlx_transactional::Tx<'_, ::sqlx::Sqlite>) -> ::sqlx::Result<i64> {
    sqlx::query_scalar("select 1").fetch_one(tx).await
}

#[transactional]
async fn projected(tx: &mut Tx<'_, <Embedded as Store>::Database>) -> sqlx::Result<i64> {
    sqlx::query_scalar("select 1").fetch_one(tx).await
}

#[transactional]
async fn in_parentheses(tx: &mut (Tx<'_, Sqlite>)) -> sqlx::Result<i64> {
    sqlx::query_scalar("select 1").fetch_one(tx).await
}

fn is_reader<H: Handle<Access = Read<Sqlite>>>() {}

#[tokio::main]
async fn main() -> sqlx::Result<()> {
    let pool = SqlitePool::connect("sqlite::memory:").await?;
    is_reader::<Reads<'_>>();
    let all = alias(&pool).await?
        + defaulted(&pool).await?
        + renamed(&pool).await?
        + whole_path(&pool).await?
        + projected(&pool).await?
        + in_parentheses(&pool).await?;
    assert_eq!(all, 6);
    Ok(())
}
