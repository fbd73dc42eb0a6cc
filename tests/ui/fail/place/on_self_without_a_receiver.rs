//! A function that is no method has no `self`.

use sqlx::Sqlite;
use sqlx_transactional::{Tx, transactional};

#[transactional(on = self.pool)]
async fn rename(tx: &mut Tx<'_, Sqlite>) -> sqlx::Result<()> {
    sqlx::query("select 1").execute(tx).await?;
    Ok(())
}

fn main() {}
