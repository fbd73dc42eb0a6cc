//! The first parameter is the transaction, not any reference.

use sqlx_transactional::transactional;

#[transactional]
async fn rename(id: i64, title: &str) -> sqlx::Result<()> {
    let _ = (id, title);
    Ok(())
}

fn main() {}
