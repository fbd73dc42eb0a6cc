//! The type of the handle says which database, so it has a name.

use sqlx_transactional::{Handle, transactional};

#[transactional]
async fn rename(tx: &mut impl Handle) -> sqlx::Result<()> {
    let _ = tx;
    Ok(())
}

fn main() {}
