//! Elsewhere a time has its unit in the name of its option.

use sqlx::Sqlite;
use sqlx_transactional::{Tx, transactional};

#[transactional(timeout_secs = 5)]
async fn rename(tx: &mut Tx<'_, Sqlite>, id: i64) -> sqlx::Result<()> {
    sqlx::query("select ?").bind(id).execute(tx).await?;
    Ok(())
}

fn main() {}
