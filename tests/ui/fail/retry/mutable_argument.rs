//! The second attempt would find what the first one left.

use sqlx::Sqlite;
use sqlx_transactional::{Tx, transactional};

#[transactional(retry)]
async fn rename(tx: &mut Tx<'_, Sqlite>, ids: &mut Vec<i64>) -> sqlx::Result<()> {
    ids.push(sqlx::query_scalar("select 1").fetch_one(tx).await?);
    Ok(())
}

fn main() {}
