//! The second attempt would be given nothing.

use sqlx::Sqlite;
use sqlx_transactional::{Tx, transactional};

#[transactional(retry)]
async fn rename(tx: &mut Tx<'_, Sqlite>, id: impl Into<i64> + Send) -> sqlx::Result<()> {
    sqlx::query("select ?").bind(id.into()).execute(tx).await?;
    Ok(())
}

fn main() {}
