//! OUT-08: a transaction cannot be committed twice, because a body cannot commit
//! it once.

use sqlx::Sqlite;
use sqlx_transactional::{Tx, transactional};

#[transactional]
async fn rename(tx: &mut Tx<'_, Sqlite>) -> sqlx::Result<()> {
    sqlx::query("select 1").execute(&mut *tx).await?;
    tx.commit().await
}

fn main() {}
