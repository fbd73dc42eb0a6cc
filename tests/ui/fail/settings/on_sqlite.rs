//! SQLite has no settings of a transaction.

use sqlx::Sqlite;
use sqlx_transactional::{Tx, transactional};

#[transactional(settings("app.user_id" = id))]
async fn rename(tx: &mut Tx<'_, Sqlite>, id: i64) -> sqlx::Result<()> {
    sqlx::query("select ?").bind(id).execute(tx).await?;
    Ok(())
}

fn main() {}
