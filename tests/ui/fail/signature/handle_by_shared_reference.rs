//! A statement needs the handle for itself, so it is borrowed mutably.

use sqlx::Sqlite;
use sqlx_transactional::{ReadTx, transactional};

#[transactional]
async fn load(tx: &ReadTx<'_, Sqlite>) -> sqlx::Result<()> {
    let _ = tx;
    Ok(())
}

fn main() {}
