//! The first pause is not the longest.

use sqlx::Sqlite;
use sqlx_transactional::{Tx, transactional};

#[transactional(retry(base = "1s", cap = "500ms"))]
async fn rename(tx: &mut Tx<'_, Sqlite>, id: i64) -> sqlx::Result<()> {
    sqlx::query("select ?").bind(id).execute(tx).await?;
    Ok(())
}

fn main() {}
