//! One function is one transaction.

use sqlx::Sqlite;
use sqlx_transactional::{Tx, transactional};

#[transactional]
#[transactional(savepoint)]
async fn rename(tx: &mut Tx<'_, Sqlite>) -> sqlx::Result<()> {
    let _ = tx;
    Ok(())
}

fn main() {}
