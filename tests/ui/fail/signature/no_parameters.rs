//! A body without a transaction has nothing to run statements on.

use sqlx_transactional::transactional;

#[transactional]
async fn rename() -> sqlx::Result<()> {
    Ok(())
}

fn main() {}
