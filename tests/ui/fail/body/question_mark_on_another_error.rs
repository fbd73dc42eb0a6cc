//! `?` needs a way from the one error to the other.

use sqlx::Sqlite;
use sqlx_transactional::{Tx, transactional};

#[transactional]
async fn rename(tx: &mut Tx<'_, Sqlite>, id: &str) -> sqlx::Result<()> {
    let id: i64 = id.parse()?;
    sqlx::query("select ?").bind(id).execute(tx).await?;
    Ok(())
}

fn main() {}
