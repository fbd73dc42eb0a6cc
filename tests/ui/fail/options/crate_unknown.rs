//! A path to nowhere is the compiler's to refuse, where it is written.

use sqlx::Sqlite;
use sqlx_transactional::{Tx, transactional};

#[transactional(crate = ::nowhere)]
async fn rename(tx: &mut Tx<'_, Sqlite>, id: i64) -> sqlx::Result<()> {
    sqlx::query("select ?").bind(id).execute(tx).await?;
    Ok(())
}

fn main() {}
