//! A semicolon too many is shown.

use sqlx::Sqlite;
use sqlx_transactional::{Tx, transactional};

#[transactional]
async fn count(tx: &mut Tx<'_, Sqlite>) -> sqlx::Result<u64> {
    let done = sqlx::query("select 1").execute(tx).await?;
    Ok(done.rows_affected());
}

fn main() {}
