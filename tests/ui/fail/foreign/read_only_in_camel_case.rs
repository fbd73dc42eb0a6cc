//! Spring: foreign words are known in their own spelling too.

use sqlx::Sqlite;
use sqlx_transactional::{Tx, transactional};

#[transactional(readOnly = true)]
async fn rename(tx: &mut Tx<'_, Sqlite>, id: i64) -> sqlx::Result<()> {
    sqlx::query("select ?").bind(id).execute(tx).await?;
    Ok(())
}

fn main() {}
