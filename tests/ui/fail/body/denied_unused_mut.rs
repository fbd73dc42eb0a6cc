//! A `mut` that nothing needs is found.
#![deny(unused)]

use sqlx::Sqlite;
use sqlx_transactional::{Tx, transactional};

#[transactional]
pub async fn rename(mut tx: &mut Tx<'_, Sqlite>, mut id: i64) -> sqlx::Result<()> {
    sqlx::query("select ?").bind(id).execute(tx).await?;
    Ok(())
}

fn main() {}
