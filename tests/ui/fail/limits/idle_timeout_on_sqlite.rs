//! SQLite ends no transaction that is idle.

use sqlx::Sqlite;
use sqlx_transactional::{Tx, transactional};

#[transactional(idle_timeout = "5s")]
async fn rename(tx: &mut Tx<'_, Sqlite>, id: i64) -> sqlx::Result<()> {
    sqlx::query("select ?").bind(id).execute(tx).await?;
    Ok(())
}

fn main() {}
