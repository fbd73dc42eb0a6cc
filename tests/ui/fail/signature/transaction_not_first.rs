//! The transaction comes before all other parameters.

use sqlx::Sqlite;
use sqlx_transactional::{Tx, transactional};

#[transactional]
async fn rename(id: i64, tx: &mut Tx<'_, Sqlite>) -> sqlx::Result<()> {
    let _ = (id, tx);
    Ok(())
}

fn main() {}
