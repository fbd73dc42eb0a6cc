//! Others say it by another name.

use sqlx::Sqlite;
use sqlx_transactional::{Tx, transactional};

#[transactional(transaction_mode = "immediate")]
async fn rename(tx: &mut Tx<'_, Sqlite>, id: i64) -> sqlx::Result<()> {
    sqlx::query("select ?").bind(id).execute(tx).await?;
    Ok(())
}

fn main() {}
