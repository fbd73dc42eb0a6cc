//! A pattern stands in parentheses.

use sqlx::Sqlite;
use sqlx_transactional::{Tx, transactional};

#[derive(Debug)]
enum AppError {
    Full,
    Database,
}

impl From<sqlx::Error> for AppError {
    fn from(_: sqlx::Error) -> Self {
        Self::Database
    }
}

#[transactional(commit_on)]
async fn rename(tx: &mut Tx<'_, Sqlite>, id: i64) -> Result<(), AppError> {
    sqlx::query("select ?").bind(id).execute(tx).await?;
    Ok(())
}

fn main() {}
