//! Whoever comes from sqlx writes its transaction first.

use sqlx::{Sqlite, Transaction};
use sqlx_transactional::transactional;

#[transactional]
async fn rename(tx: &mut Transaction<'_, Sqlite>, id: i64) -> sqlx::Result<()> {
    sqlx::query("select ?").bind(id).execute(&mut **tx).await?;
    Ok(())
}

fn main() {}
