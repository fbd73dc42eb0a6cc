//! An error type that was not imported is missing, and nothing else is said.

use sqlx::Sqlite;
use sqlx_transactional::{Tx, transactional};

#[transactional]
async fn rename(tx: &mut Tx<'_, Sqlite>) -> Result<(), AppError> {
    sqlx::query("select 1").execute(tx).await?;
    Ok(())
}

fn main() {}
