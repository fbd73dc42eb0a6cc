//! The lifetime of the handle is written, as in every async function.

use sqlx::Sqlite;
use sqlx_transactional::{Tx, transactional};

#[transactional]
async fn rename(tx: &mut Tx<Sqlite>) -> sqlx::Result<()> {
    sqlx::query("select 1").execute(tx).await.map(drop)
}

fn main() {}
