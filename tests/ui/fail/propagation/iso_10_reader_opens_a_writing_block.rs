//! ISO-10: a block that writes cannot join what only reads.

use sqlx::Sqlite;
use sqlx_transactional::{ReadTx, transaction, transactional};

#[transactional]
async fn load(tx: &mut ReadTx<'_, Sqlite>) -> sqlx::Result<()> {
    transaction(&mut *tx, async |tx| {
        sqlx::query("update notes set title = ''")
            .execute(&mut *tx)
            .await?;
        Ok(())
    })
    .await
}

fn main() {}
