//! The result is what its type is, under whatever name.

use sqlx::{Sqlite, SqlitePool};
use sqlx_transactional::{Tx, transactional};

type Answer<T = i64, E = sqlx::Error> = std::result::Result<T, E>;
type Outcome = Answer;

struct AppError;

impl From<sqlx::Error> for AppError {
    fn from(_: sqlx::Error) -> Self {
        Self
    }
}

trait Service {
    type Reply;
}

struct Notes;

impl Service for Notes {
    type Reply = Result<i64, AppError>;
}

#[transactional]
async fn alias(tx: &mut Tx<'_, Sqlite>) -> Answer {
    sqlx::query_scalar("select 1").fetch_one(tx).await
}

#[transactional]
async fn named(tx: &mut Tx<'_, Sqlite>) -> Outcome {
    alias(tx).await
}

#[transactional]
async fn another_error(tx: &mut Tx<'_, Sqlite>) -> Answer<i64, AppError> {
    Ok(named(tx).await?)
}

#[transactional]
async fn projected(tx: &mut Tx<'_, Sqlite>) -> <Notes as Service>::Reply {
    another_error(tx).await
}

#[tokio::main]
async fn main() {
    let pool = SqlitePool::connect_lazy("sqlite::memory:").unwrap();
    assert!(matches!(projected(&pool).await, Ok(1)));
}
