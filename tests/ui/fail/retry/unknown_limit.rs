//! There are four.

use sqlx::Sqlite;
use sqlx_transactional::{Tx, transactional};

#[transactional(retry(times = 5, attempt = 3))]
async fn rename(tx: &mut Tx<'_, Sqlite>, id: i64) -> sqlx::Result<()> {
    sqlx::query("select ?").bind(id).execute(tx).await?;
    Ok(())
}

fn main() {}
