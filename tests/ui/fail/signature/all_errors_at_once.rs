//! Every mistake is told in one build, and callers are still checked.

use sqlx::{Sqlite, SqlitePool};
use sqlx_transactional::{Tx, transactional};

#[transactional(savepoint, savepoint, frobnicate)]
const extern "C" fn rename(tx: &mut Tx<'_, Sqlite>, id: i64) {
    let _ = (tx, id);
}

async fn caller(pool: &SqlitePool) {
    rename(pool, "not a number").await;
}

fn main() {}
