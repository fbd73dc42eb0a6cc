//! Results that end otherwise than `Ok` and `Err` usually do.

use sqlx::Sqlite;
use sqlx_transactional::{Tx, transactional};

#[derive(Debug)]
enum AppError {
    Full(u8),
    Database,
}

impl From<sqlx::Error> for AppError {
    fn from(_: sqlx::Error) -> Self {
        Self::Database
    }
}

type Noted<T> = Result<T, AppError>;

async fn note(tx: &mut Tx<'_, Sqlite>) -> sqlx::Result<()> {
    sqlx::query("insert into notes values (1)")
        .execute(tx)
        .await
        .map(drop)
}

#[transactional(commit_on(Err(AppError::Full(1..=3))), rollback_on(Ok(0)))]
async fn both(tx: &mut Tx<'_, Sqlite>, result: Noted<u8>) -> Noted<u8> {
    note(tx).await?;
    result
}

/// An argument that the body only borrows can be in the condition.
#[transactional(commit_on(| Err(AppError::Full(full)) | Ok(full) if full > limit))]
async fn condition(tx: &mut Tx<'_, Sqlite>, limit: &u8, result: Noted<u8>) -> Noted<u8> {
    note(tx).await?;
    result
}

/// With `retry`, each.
#[transactional(retry, rollback_on(Ok(text) if *text == title))]
async fn again<'a>(tx: &mut Tx<'_, Sqlite>, title: String, text: &'a str) -> Noted<&'a str> {
    note(tx).await?;
    drop(title);
    Ok(text)
}

#[transactional(rollback_on(_))]
async fn dry(tx: &mut Tx<'_, Sqlite>) -> sqlx::Result<i64> {
    note(tx).await?;
    sqlx::query_scalar("select count(*) from notes")
        .fetch_one(tx)
        .await
}

#[transactional(commit_on(Ok(_) | Err(_)))]
async fn always(tx: &mut Tx<'_, Sqlite>) -> Noted<()> {
    note(tx).await?;
    Err(AppError::Full(0))
}

#[transactional(rollback_on(Err(_)))]
async fn elided(tx: &mut Tx<'_, Sqlite>, text: &str) -> sqlx::Result<impl Iterator<Item = char>> {
    note(tx).await?;
    Ok(text.chars())
}

macro_rules! rules {
    ($name:ident, $pattern:pat, $condition:expr) => {
        #[transactional(rollback_on($pattern if $condition))]
        async fn $name(tx: &mut Tx<'_, Sqlite>) -> sqlx::Result<u8> {
            note(tx).await?;
            Ok(3)
        }
    };
}

rules!(from_a_macro, Ok(1 | 3), true);

#[tokio::main(flavor = "current_thread")]
async fn main() -> sqlx::Result<()> {
    let pool = sqlx_transactional::pool::connect::<Sqlite>("sqlite::memory:").await?;
    sqlx::query("create table notes (id integer)")
        .execute(&pool)
        .await?;
    let count = async |expected| {
        let count: i64 = sqlx::query_scalar("select count(*) from notes")
            .fetch_one(&pool)
            .await?;
        sqlx::query("delete from notes").execute(&pool).await?;
        assert_eq!(count, expected);
        sqlx::Result::Ok(())
    };
    both(&pool, Ok(1)).await.expect("an `Ok`");
    count(1).await?;
    both(&pool, Ok(0)).await.expect("an `Ok`");
    count(0).await?;
    both(&pool, Err(AppError::Full(2)))
        .await
        .expect_err("an `Err`");
    count(1).await?;
    both(&pool, Err(AppError::Full(4)))
        .await
        .expect_err("an `Err`");
    count(0).await?;
    condition(&pool, &5, Err(AppError::Full(6)))
        .await
        .expect_err("an `Err`");
    count(1).await?;
    condition(&pool, &5, Err(AppError::Full(4)))
        .await
        .expect_err("an `Err`");
    count(0).await?;
    again(&pool, "a".into(), "a").await.expect("an `Ok`");
    count(0).await?;
    again(&pool, "a".into(), "b").await.expect("an `Ok`");
    count(1).await?;
    assert_eq!(dry(&pool).await?, 1);
    count(0).await?;
    always(&pool).await.expect_err("an `Err`");
    count(1).await?;
    assert_eq!(elided(&pool, "abc").await?.count(), 3);
    count(1).await?;
    assert_eq!(from_a_macro(&pool).await?, 3);
    count(0).await
}
