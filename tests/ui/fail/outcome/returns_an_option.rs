//! An `Option` does not say whether to commit.

use sqlx::Sqlite;
use sqlx_transactional::{Tx, transactional};

#[transactional]
async fn find(tx: &mut Tx<'_, Sqlite>) -> Option<i64> {
    let _ = tx;
    Some(1)
}

fn main() {}
