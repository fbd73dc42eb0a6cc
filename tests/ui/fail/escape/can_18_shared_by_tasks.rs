//! CAN-18: several futures cannot share a handle.

use futures_util::future::try_join_all;
use sqlx::Sqlite;
use sqlx_transactional::{Tx, transactional};

#[transactional]
async fn fill(tx: &mut Tx<'_, Sqlite>) -> sqlx::Result<()> {
    let inserts = (0..3).map(|id| sqlx::query("select ?").bind(id).execute(&mut *tx));
    try_join_all(inserts).await?;
    Ok(())
}

fn main() {}
