//! The first parameter borrows a handle, not just anything.

use sqlx_transactional::transactional;

#[transactional]
async fn rename(title: &mut String) -> sqlx::Result<()> {
    title.clear();
    Ok(())
}

fn main() {}
