//! Three engines have four levels.

use sqlx::Sqlite;
use sqlx_transactional::{Tx, transactional};

#[transactional(isolation = snapshot)]
async fn rename(tx: &mut Tx<'_, Sqlite>, id: i64) -> sqlx::Result<()> {
    sqlx::query("select ?").bind(id).execute(tx).await?;
    Ok(())
}

fn main() {}
