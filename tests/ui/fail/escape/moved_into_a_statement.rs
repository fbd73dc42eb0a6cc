//! A statement takes the handle it is given too.

use sqlx::Sqlite;
use sqlx_transactional::{Tx, transactional};

#[transactional]
async fn fill(tx: &mut Tx<'_, Sqlite>) -> sqlx::Result<()> {
    sqlx::query("select 1").execute(tx).await?;
    sqlx::query("select 2").execute(tx).await?;
    Ok(())
}

fn main() {}
