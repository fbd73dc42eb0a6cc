//! A hook runs when the transaction is over, so it cannot use it.

use sqlx::Sqlite;
use sqlx_transactional::{Tx, transactional};

#[transactional]
async fn rename(tx: &mut Tx<'_, Sqlite>) -> sqlx::Result<()> {
    let again = &mut *tx;
    tx.after_commit(async move {
        let _ = sqlx::query("select 1").execute(again).await;
    });
    Ok(())
}

fn main() {}
