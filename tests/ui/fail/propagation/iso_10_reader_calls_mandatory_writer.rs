//! ISO-10: a plain function that takes `Tx` cannot be given a `ReadTx`.

use sqlx::Sqlite;
use sqlx_transactional::{ReadTx, Tx, transactional};

async fn rename(tx: &mut Tx<'_, Sqlite>) -> sqlx::Result<()> {
    sqlx::query("update notes set title = ''")
        .execute(tx)
        .await?;
    Ok(())
}

#[transactional]
async fn load(tx: &mut ReadTx<'_, Sqlite>) -> sqlx::Result<()> {
    rename(tx).await
}

fn main() {}
