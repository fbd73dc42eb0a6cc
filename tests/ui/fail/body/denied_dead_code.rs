//! A function that nobody calls is found, under its own name.
#![deny(dead_code)]

use sqlx::Sqlite;
use sqlx_transactional::{Tx, transactional};

#[transactional]
async fn rename(tx: &mut Tx<'_, Sqlite>) -> sqlx::Result<()> {
    sqlx::query("select 1").execute(tx).await.map(drop)
}

fn main() {}
