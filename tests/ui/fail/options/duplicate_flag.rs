//! An option is given once; the second one is the mistake.

use sqlx::Sqlite;
use sqlx_transactional::{Tx, transactional};

#[transactional(savepoint, savepoint)]
async fn rename(tx: &mut Tx<'_, Sqlite>, id: i64) -> sqlx::Result<()> {
    sqlx::query("select ?").bind(id).execute(tx).await?;
    Ok(())
}

fn main() {}
