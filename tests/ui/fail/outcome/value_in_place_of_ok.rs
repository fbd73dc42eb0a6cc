//! A tail expression that is no `Ok` is the body's mistake, as in plain code.

use sqlx::Sqlite;
use sqlx_transactional::{Tx, transactional};

#[transactional]
async fn count(tx: &mut Tx<'_, Sqlite>) -> sqlx::Result<u64> {
    let done = sqlx::query("select 1").execute(tx).await?;
    done.rows_affected()
}

fn main() {}
