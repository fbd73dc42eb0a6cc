//! Every error type that takes in a `sqlx::Error`.

use sqlx::{Sqlite, SqlitePool};
use sqlx_transactional::{Tx, transactional};

#[derive(Debug, thiserror::Error)]
enum AppError {
    #[error("no such note")]
    NotFound,
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
    #[error(transparent)]
    Other(#[from] anyhow::Error),
}

#[transactional]
async fn with_thiserror(tx: &mut Tx<'_, Sqlite>, id: i64) -> Result<i64, AppError> {
    match id {
        0 => return Err(AppError::NotFound),
        1 => return Err(anyhow::anyhow!("one").into()),
        _ => {}
    }
    Ok(sqlx::query_scalar("select ?")
        .bind(id)
        .fetch_one(tx)
        .await?)
}

#[transactional]
async fn with_anyhow(tx: &mut Tx<'_, Sqlite>, id: i64) -> anyhow::Result<i64> {
    use anyhow::Context;
    anyhow::ensure!(id > 0, "no such note");
    if id == 1 {
        anyhow::bail!("one");
    }
    with_thiserror(tx, id).await.context("while loading")
}

#[transactional]
async fn with_a_box(tx: &mut Tx<'_, Sqlite>, id: i64) -> Result<i64, Box<dyn std::error::Error>> {
    let id = id.to_string().parse()?;
    Ok(with_anyhow(tx, id).await?)
}

#[transactional]
async fn with_a_generic_error<E: From<sqlx::Error>>(tx: &mut Tx<'_, Sqlite>) -> Result<i64, E> {
    Ok(sqlx::query_scalar("select 1").fetch_one(tx).await?)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let pool = SqlitePool::connect("sqlite::memory:").await?;
    assert!(matches!(
        with_thiserror(&pool, 0).await,
        Err(AppError::NotFound)
    ));
    assert!(matches!(
        with_thiserror(&pool, 1).await,
        Err(AppError::Other(_))
    ));
    assert_eq!(with_thiserror(&pool, 2).await?, 2);
    assert!(with_anyhow(&pool, 0).await.is_err());
    assert_eq!(with_a_box(&pool, 2).await?, 2);
    assert_eq!(with_a_generic_error::<anyhow::Error>(&pool).await?, 1);
    let nowhere = SqlitePool::connect_lazy("sqlite:/no/such/folder/file.db")?;
    assert!(matches!(
        with_thiserror(&nowhere, 2).await,
        Err(AppError::Database(_))
    ));
    Ok(())
}
