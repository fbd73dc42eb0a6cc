//! Arguments move once, as in plain code.

use sqlx::Sqlite;
use sqlx_transactional::{Tx, transactional};

#[transactional]
async fn rename(tx: &mut Tx<'_, Sqlite>, title: String) -> sqlx::Result<usize> {
    sqlx::query("select ?").bind(title).execute(tx).await?;
    Ok(title.len())
}

fn main() {}
