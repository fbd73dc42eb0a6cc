//! A mistake in a statement is marked where it stands.

use sqlx::Sqlite;
use sqlx_transactional::{Tx, transactional};

#[transactional]
async fn rename(tx: &mut Tx<'_, Sqlite>) -> sqlx::Result<()> {
    let id: i64 = "one";
    sqlx::query("select ?").bind(id).execute(tx).await?;
    Ok(())
}

fn main() {}
