//! A name that is not used is the user's own.
#![deny(unused_variables)]

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

#[transactional(rollback_on(Err(error)))]
async fn rename(tx: &mut Tx<'_, Sqlite>, id: i64) -> Result<(), AppError> {
    sqlx::query("select ?").bind(id).execute(tx).await?;
    Ok(())
}

fn main() {}
