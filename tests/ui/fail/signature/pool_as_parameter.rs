//! The parameter is the handle; the pool is what callers pass.

use sqlx::SqlitePool;
use sqlx_transactional::transactional;

#[transactional]
async fn rename(pool: &SqlitePool, id: i64) -> sqlx::Result<()> {
    let _ = (pool, id);
    Ok(())
}

fn main() {}
