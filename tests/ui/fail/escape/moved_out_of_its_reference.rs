//! The handle belongs to the attribute; a body only borrows it.

use sqlx::Sqlite;
use sqlx_transactional::{Tx, transactional};

#[transactional]
async fn rename(tx: &mut Tx<'_, Sqlite>) -> sqlx::Result<()> {
    drop(*tx);
    Ok(())
}

fn main() {}
