//! `()` is no `Result`.

use sqlx::Sqlite;
use sqlx_transactional::{Tx, transactional};

#[transactional]
async fn rename(tx: &mut Tx<'_, Sqlite>) -> () {
    let _ = tx;
}

fn main() {}
