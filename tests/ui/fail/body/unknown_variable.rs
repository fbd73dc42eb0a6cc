//! An unknown name is marked where it stands.

use sqlx::Sqlite;
use sqlx_transactional::{Tx, transactional};

#[transactional]
async fn rename(tx: &mut Tx<'_, Sqlite>, title: &str) -> sqlx::Result<()> {
    sqlx::query("select ?").bind(titel).execute(tx).await?;
    Ok(())
}

fn main() {}
