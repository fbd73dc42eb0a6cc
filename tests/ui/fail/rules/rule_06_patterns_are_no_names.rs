use sqlx::Sqlite;
use sqlx_transactional::{Tx, transactional};

enum AppError {
    Full,
    Database(sqlx::Error),
}

impl From<sqlx::Error> for AppError {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error)
    }
}

// A word that is in the name of an error is no error.
#[transactional(commit_on(Err(AppError::Ful)))]
async fn store(tx: &mut Tx<'_, Sqlite>) -> Result<(), AppError> {
    sqlx::query("delete from notes").execute(tx).await?;
    Err(AppError::Full)
}

fn main() {}
