//! The body took what it names.

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

#[transactional(commit_on(Err(AppError::Full) if title.is_empty()))]
async fn rename(tx: &mut Tx<'_, Sqlite>, title: String) -> Result<(), AppError> {
    sqlx::query("select ?").bind(title).execute(tx).await?;
    Ok(())
}

fn main() {}
