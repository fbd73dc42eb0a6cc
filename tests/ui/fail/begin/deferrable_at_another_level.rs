//! PostgreSQL would ignore it.

use sqlx::Postgres;
use sqlx_transactional::{ReadTx, transactional};

#[transactional(deferrable, isolation = repeatable_read)]
async fn rename(tx: &mut ReadTx<'_, Postgres>, id: i64) -> sqlx::Result<()> {
    sqlx::query("select ?").bind(id).execute(tx).await?;
    Ok(())
}

fn main() {}
