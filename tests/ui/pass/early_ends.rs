//! `return`, `?`, `break` with a value, a body that never ends, a label.

use sqlx::{Sqlite, SqlitePool};
use sqlx_transactional::{Tx, transactional};

#[transactional]
async fn early(tx: &mut Tx<'_, Sqlite>, id: i64) -> sqlx::Result<i64> {
    if id < 0 {
        return Err(sqlx::Error::RowNotFound);
    }
    let Some(left) = id.checked_sub(1) else {
        return Ok(0);
    };
    for candidate in 0.. {
        if candidate == left {
            return sqlx::query_scalar("select ?")
                .bind(candidate)
                .fetch_one(tx)
                .await;
        }
    }
    unreachable!()
}

#[transactional]
async fn never(tx: &mut Tx<'_, Sqlite>) -> sqlx::Result<std::convert::Infallible> {
    loop {
        sqlx::query("no such statement").execute(&mut *tx).await?;
    }
}

#[transactional]
async fn labelled(tx: &mut Tx<'_, Sqlite>) -> sqlx::Result<i64> {
    '__body: loop {
        let found = 'outer: {
            if sqlx::query("select 1").execute(&mut *tx).await.is_ok() {
                break 'outer 5;
            }
            break '__body Ok(0);
        };
        break Ok(found);
    }
}

#[transactional]
async fn only_a_return(tx: &mut Tx<'_, Sqlite>) -> sqlx::Result<i64> {
    return sqlx::query_scalar("select 1").fetch_one(tx).await;
}

#[transactional]
async fn closures_return_too(tx: &mut Tx<'_, Sqlite>) -> sqlx::Result<i64> {
    let half = |number: i64| -> Option<i64> {
        if number % 2 == 1 {
            return None;
        }
        Some(number / 2)
    };
    let four: i64 = sqlx::query_scalar("select 4").fetch_one(tx).await?;
    Ok(half(four).unwrap_or_default())
}

#[tokio::main]
async fn main() -> sqlx::Result<()> {
    let pool = SqlitePool::connect("sqlite::memory:").await?;
    assert!(early(&pool, -1).await.is_err());
    assert_eq!(early(&pool, i64::MIN + 1).await.ok(), None);
    assert_eq!(early(&pool, 3).await?, 2);
    assert!(never(&pool).await.is_err());
    assert_eq!(labelled(&pool).await?, 5);
    assert_eq!(only_a_return(&pool).await?, 1);
    assert_eq!(closures_return_too(&pool).await?, 2);
    Ok(())
}
