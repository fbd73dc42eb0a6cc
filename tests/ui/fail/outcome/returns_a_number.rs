//! A number is no `Result`.

use sqlx::Sqlite;
use sqlx_transactional::{Tx, transactional};

#[transactional]
async fn count(tx: &mut Tx<'_, Sqlite>) -> u64 {
    let _ = tx;
    0
}

fn main() {}
