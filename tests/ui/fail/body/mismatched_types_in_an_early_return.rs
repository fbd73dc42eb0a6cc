//! An early return is held to the declared type.

use sqlx::Sqlite;
use sqlx_transactional::{Tx, transactional};

#[transactional]
async fn count(tx: &mut Tx<'_, Sqlite>, dry: bool) -> sqlx::Result<u64> {
    if dry {
        return 0;
    }
    Ok(sqlx::query("select 1").execute(tx).await?.rows_affected())
}

fn main() {}
