//! An unknown method is marked where it stands.

use sqlx::Sqlite;
use sqlx_transactional::{Tx, transactional};

#[transactional]
async fn rename(tx: &mut Tx<'_, Sqlite>) -> sqlx::Result<()> {
    tx.execute("select 1").await?;
    Ok(())
}

fn main() {}
