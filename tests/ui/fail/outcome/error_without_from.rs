//! The error type has to take in what the database says.

use sqlx::Sqlite;
use sqlx_transactional::{Tx, transactional};

struct AppError;

#[transactional]
async fn rename(tx: &mut Tx<'_, Sqlite>) -> Result<(), AppError> {
    let _ = tx;
    Err(AppError)
}

fn main() {}
