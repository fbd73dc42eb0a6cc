//! The error type of a block is held to the same.

use sqlx::SqlitePool;
use sqlx_transactional::transaction;

struct AppError;

async fn rename(pool: &SqlitePool) -> Result<(), AppError> {
    transaction(pool, async |_| Err(AppError)).await
}

fn main() {}
