//! MySQL has no such thing.

use sqlx::MySql;
use sqlx_transactional::{ReadTx, transactional};

#[transactional(isolation = serializable, deferrable)]
async fn rename(tx: &mut ReadTx<'_, MySql>, id: i64) -> sqlx::Result<()> {
    sqlx::query("select ?").bind(id).execute(tx).await?;
    Ok(())
}

fn main() {}
