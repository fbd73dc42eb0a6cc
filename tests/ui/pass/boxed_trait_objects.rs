//! The declared type drives coercions in every place a value leaves the body.

use std::{error::Error, fmt::Display};

use sqlx::{Sqlite, SqlitePool};
use sqlx_transactional::{Tx, transactional};

type Boxed<T> = Result<T, Box<dyn Error + Send + Sync>>;

#[transactional]
async fn tail(tx: &mut Tx<'_, Sqlite>) -> sqlx::Result<Box<dyn Display + Send>> {
    let one: i64 = sqlx::query_scalar("select 1").fetch_one(tx).await?;
    Ok(Box::new(one))
}

#[transactional]
async fn early(tx: &mut Tx<'_, Sqlite>, text: bool) -> Boxed<Box<dyn Display + Send>> {
    if text {
        return Ok(Box::new("text"));
    }
    let one: i64 = sqlx::query_scalar("select 1").fetch_one(tx).await?;
    Ok(match one {
        1 => Box::new(one),
        _ => return Err("not one".into()),
    })
}

#[transactional]
async fn function_pointer(
    tx: &mut Tx<'_, Sqlite>,
) -> sqlx::Result<(fn(i64) -> i64, &'static [u8])> {
    sqlx::query("select 1").execute(tx).await?;
    Ok((|number| number + 1, &[1, 2]))
}

#[transactional]
async fn inferred(tx: &mut Tx<'_, Sqlite>) -> sqlx::Result<Vec<u8>> {
    sqlx::query("select 1").execute(tx).await?;
    let numbers = "123".bytes().map(Into::into).collect();
    Ok(numbers)
}

#[tokio::main]
async fn main() -> Boxed<()> {
    let pool = SqlitePool::connect("sqlite::memory:").await?;
    assert_eq!(tail(&pool).await?.to_string(), "1");
    assert_eq!(early(&pool, true).await?.to_string(), "text");
    assert_eq!(early(&pool, false).await?.to_string(), "1");
    let (add, bytes) = function_pointer(&pool).await?;
    assert_eq!((add(1), bytes.len()), (2, 2));
    assert_eq!(inferred(&pool).await?, b"123");
    Ok(())
}
