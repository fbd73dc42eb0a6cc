//! Without a result nobody can say whether to commit.

use sqlx::Sqlite;
use sqlx_transactional::{Tx, transactional};

#[transactional]
async fn rename(tx: &mut Tx<'_, Sqlite>) {
    let _ = tx;
}

fn main() {}
