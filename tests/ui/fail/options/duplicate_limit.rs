//! Each limit is given once.

use sqlx::Sqlite;
use sqlx_transactional::{Tx, transactional};

#[transactional(timeout = "1s", lock_timeout = "1s", timeout = "2s")]
async fn rename(tx: &mut Tx<'_, Sqlite>, id: i64) -> sqlx::Result<()> {
    sqlx::query("select ?").bind(id).execute(tx).await?;
    Ok(())
}

fn main() {}
