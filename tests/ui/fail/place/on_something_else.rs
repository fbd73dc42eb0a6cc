//! What the place is, the types say.

use sqlx::Sqlite;
use sqlx_transactional::{Tx, transactional};

#[transactional(on = url)]
async fn rename(tx: &mut Tx<'_, Sqlite>, url: String) -> sqlx::Result<()> {
    sqlx::query("select 1").execute(tx).await?;
    Ok(())
}

fn main() {}
