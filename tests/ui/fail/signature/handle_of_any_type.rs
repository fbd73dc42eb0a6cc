//! A function cannot be generic over the kind of handle.

use sqlx_transactional::{Handle, transactional};

#[transactional]
async fn rename<H: Handle>(tx: &mut H) -> sqlx::Result<()> {
    let _ = tx;
    Ok(())
}

fn main() {}
