//! Spring: a function without a handle is in no transaction.

use sqlx::Sqlite;
use sqlx_transactional::{Tx, transactional};

#[transactional(not_supported)]
async fn rename(tx: &mut Tx<'_, Sqlite>, id: i64) -> sqlx::Result<()> {
    sqlx::query("select ?").bind(id).execute(tx).await?;
    Ok(())
}

fn main() {}
