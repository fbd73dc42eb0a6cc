//! Which of them?

use sqlx::Sqlite;
use sqlx_transactional::{Tx, transactional};

#[transactional(retry(attempts = 5, attempts = 6))]
async fn rename(tx: &mut Tx<'_, Sqlite>, id: i64) -> sqlx::Result<()> {
    sqlx::query("select ?").bind(id).execute(tx).await?;
    Ok(())
}

fn main() {}
