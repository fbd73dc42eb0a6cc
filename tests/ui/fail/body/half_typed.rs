//! A body that is still being typed gets the compiler's own words.

use sqlx::Sqlite;
use sqlx_transactional::{Tx, transactional};

#[transactional]
async fn rename(tx: &mut Tx<'_, Sqlite>) -> sqlx::Result<()> {
    let id = ;
    tx.
}

fn main() {}
