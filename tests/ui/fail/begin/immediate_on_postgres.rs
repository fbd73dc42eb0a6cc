//! PostgreSQL begins in one way.

use sqlx::Postgres;
use sqlx_transactional::{Tx, transactional};

#[transactional(immediate)]
async fn rename(tx: &mut Tx<'_, Postgres>, id: i64) -> sqlx::Result<()> {
    sqlx::query("select ?").bind(id).execute(tx).await?;
    Ok(())
}

fn main() {}
