//! Nobody outside Rust can await a transaction.

use sqlx::Sqlite;
use sqlx_transactional::{Tx, transactional};

#[transactional]
async extern "C" fn rename(tx: &mut Tx<'_, Sqlite>) -> sqlx::Result<()> {
    let _ = tx;
    Ok(())
}

fn main() {}
