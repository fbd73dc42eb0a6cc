//! A transaction is awaited, so the function is async.

use sqlx::Sqlite;
use sqlx_transactional::{Tx, transactional};

#[transactional]
fn rename(tx: &mut Tx<'_, Sqlite>, id: i64) -> sqlx::Result<()> {
    let _ = (tx, id);
    Ok(())
}

fn main() {}
