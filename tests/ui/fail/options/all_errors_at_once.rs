//! One mistake hides no other.

use sqlx::Sqlite;
use sqlx_transactional::{Tx, transactional};

#[transactional(savepiont, name = 5, outermost = false, frobnicate)]
async fn rename(tx: &mut Tx<'_, Sqlite>, id: i64) -> sqlx::Result<()> {
    sqlx::query("select ?").bind(id).execute(tx).await?;
    Ok(())
}

fn main() {}
