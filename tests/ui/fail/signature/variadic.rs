//! Variadic arguments cannot live in a future.

use sqlx::Sqlite;
use sqlx_transactional::{Tx, transactional};

#[transactional]
async unsafe extern "C" fn rename(tx: &mut Tx<'_, Sqlite>, _: ...) -> sqlx::Result<()> {
    let _ = tx;
    Ok(())
}

fn main() {}
