//! A value of another type than the declared one is marked where it stands.

use sqlx::Sqlite;
use sqlx_transactional::{Tx, transactional};

#[transactional]
async fn count(tx: &mut Tx<'_, Sqlite>) -> sqlx::Result<u64> {
    sqlx::query("select 1").execute(tx).await?;
    Ok("one")
}

fn main() {}
