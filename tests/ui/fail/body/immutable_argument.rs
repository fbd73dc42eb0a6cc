//! An argument that is not `mut` does not change.

use sqlx::Sqlite;
use sqlx_transactional::{Tx, transactional};

#[transactional]
async fn rename(tx: &mut Tx<'_, Sqlite>, title: String) -> sqlx::Result<()> {
    title.clear();
    sqlx::query("select ?").bind(title).execute(tx).await?;
    Ok(())
}

fn main() {}
