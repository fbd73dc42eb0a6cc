//! A result that is dropped, and a call that is not awaited, are found.
#![deny(unused)]

use sqlx::{Sqlite, SqlitePool};
use sqlx_transactional::{Tx, transactional};

#[transactional]
pub async fn rename(tx: &mut Tx<'_, Sqlite>) -> sqlx::Result<()> {
    sqlx::query("select 1").execute(&mut *tx);
    sqlx::query("select 2").execute(tx).await;
    Ok(())
}

pub async fn caller(pool: &SqlitePool) {
    rename(pool);
    rename(pool).await;
}

fn main() {}
