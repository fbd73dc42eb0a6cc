//! A lint about form is as it would be in plain code.
#![deny(unused)]

use sqlx::Sqlite;
use sqlx_transactional::{Tx, transactional};

#[transactional]
pub async fn rename(tx: &mut Tx<'_, Sqlite>, dry: bool) -> sqlx::Result<()> {
    if (dry) {
        return Ok(());
    }
    sqlx::query("select 1").execute(tx).await.map(drop)
}

fn main() {}
