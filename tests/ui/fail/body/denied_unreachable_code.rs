//! Code after a return is found, and nothing of the attribute's own.
#![deny(unused)]

use sqlx::Sqlite;
use sqlx_transactional::{Tx, transactional};

#[transactional]
pub async fn rename(tx: &mut Tx<'_, Sqlite>) -> sqlx::Result<()> {
    let renamed = sqlx::query("select 1").execute(tx).await;
    return renamed.map(drop);
    Ok(())
}

fn main() {}
