//! An outermost function has no transaction to set a savepoint in.

use sqlx::Sqlite;
use sqlx_transactional::{Tx, transactional};

#[transactional(savepoint, outermost)]
async fn rename(tx: &mut Tx<'_, Sqlite>, id: i64) -> sqlx::Result<()> {
    sqlx::query("select ?").bind(id).execute(tx).await?;
    Ok(())
}

fn main() {}
