//! ISO-10: what only reads cannot call what writes.

use sqlx::Sqlite;
use sqlx_transactional::{ReadTx, Tx, transactional};

#[transactional]
async fn rename(tx: &mut Tx<'_, Sqlite>, id: i64) -> sqlx::Result<()> {
    sqlx::query("update notes set title = '' where id = ?")
        .bind(id)
        .execute(tx)
        .await?;
    Ok(())
}

#[transactional]
async fn load(tx: &mut ReadTx<'_, Sqlite>, id: i64) -> sqlx::Result<()> {
    rename(&mut *tx, id).await
}

fn main() {}
