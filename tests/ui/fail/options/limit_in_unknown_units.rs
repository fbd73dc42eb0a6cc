//! Days are no unit of a transaction.

use sqlx::Sqlite;
use sqlx_transactional::{Tx, transactional};

#[transactional(lock_timeout = "1d")]
async fn rename(tx: &mut Tx<'_, Sqlite>, id: i64) -> sqlx::Result<()> {
    sqlx::query("select ?").bind(id).execute(tx).await?;
    Ok(())
}

fn main() {}
