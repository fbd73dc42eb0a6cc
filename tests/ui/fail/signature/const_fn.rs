//! A `const fn` cannot be async.

use sqlx::Sqlite;
use sqlx_transactional::{Tx, transactional};

#[transactional]
const fn rename(tx: &mut Tx<'_, Sqlite>) -> sqlx::Result<()> {
    let _ = tx;
    Ok(())
}

fn main() {}
