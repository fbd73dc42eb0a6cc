//! An alias that leaves no lifetime open asks for a handle that lives for ever.

use sqlx::Sqlite;
use sqlx_transactional::{Tx, transactional};

type DbTx = Tx<'static, Sqlite>;

#[transactional]
async fn rename(tx: &mut DbTx) -> sqlx::Result<()> {
    sqlx::query("select 1").execute(tx).await.map(drop)
}

fn main() {}
