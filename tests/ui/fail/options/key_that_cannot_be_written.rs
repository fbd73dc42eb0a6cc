//! A key is written as text.

use sqlx::Sqlite;
use sqlx_transactional::{Tx, transactional};

#[transactional(key = tx_key())]
async fn rename(tx: &mut Tx<'_, Sqlite>, id: i64) -> sqlx::Result<()> {
    sqlx::query("select ?").bind(id).execute(tx).await?;
    Ok(())
}

struct Key;

fn tx_key() -> Key {
    Key
}

fn main() {}
