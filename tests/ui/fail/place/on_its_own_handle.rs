//! The transaction cannot begin on itself.

use sqlx::Sqlite;
use sqlx_transactional::{Tx, transactional};

#[transactional(on = tx)]
async fn rename(tx: &mut Tx<'_, Sqlite>) -> sqlx::Result<()> {
    sqlx::query("select 1").execute(tx).await?;
    Ok(())
}

fn main() {}
