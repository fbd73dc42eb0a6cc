//! A connection can be a place to begin, but it is no handle.

use sqlx::SqliteConnection;
use sqlx_transactional::transactional;

#[transactional]
async fn rename(connection: &mut SqliteConnection) -> sqlx::Result<()> {
    sqlx::query("select 1").execute(connection).await?;
    Ok(())
}

fn main() {}
