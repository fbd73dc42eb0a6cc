//! A transaction begins in one way.

use sqlx::Sqlite;
use sqlx_transactional::{Tx, transactional};

#[transactional(immediate, exclusive)]
async fn rename(tx: &mut Tx<'_, Sqlite>, id: i64) -> sqlx::Result<()> {
    sqlx::query("select ?").bind(id).execute(tx).await?;
    Ok(())
}

fn main() {}
