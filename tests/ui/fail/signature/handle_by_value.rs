//! The body borrows its handle: the end of the transaction comes after it.

use sqlx::Sqlite;
use sqlx_transactional::{Tx, transactional};

#[transactional]
async fn rename(tx: Tx<'_, Sqlite>) -> sqlx::Result<()> {
    let _ = tx;
    Ok(())
}

fn main() {}
