//! A call that is not awaited is no result yet.

use sqlx::Sqlite;
use sqlx_transactional::{Tx, transactional};

#[transactional]
async fn load(tx: &mut Tx<'_, Sqlite>) -> sqlx::Result<i64> {
    sqlx::query_scalar("select 1").fetch_one(tx).await
}

#[transactional]
async fn twice(tx: &mut Tx<'_, Sqlite>) -> sqlx::Result<i64> {
    let once = load(tx)?;
    Ok(once * 2)
}

fn main() {}
