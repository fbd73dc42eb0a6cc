//! A handle that was not imported is missing, and nothing else is said.

use sqlx::Sqlite;
use sqlx_transactional::transactional;

#[transactional]
async fn rename(tx: &mut Tx<'_, Sqlite>) -> sqlx::Result<()> {
    sqlx::query("select 1").execute(tx).await?;
    Ok(())
}

fn main() {}
