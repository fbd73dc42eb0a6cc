//! PostgreSQL would not take it.

use sqlx::Postgres;
use sqlx_transactional::{Tx, transactional};

#[transactional(settings("app\0user" = id))]
async fn rename(tx: &mut Tx<'_, Postgres>, id: i64) -> sqlx::Result<()> {
    sqlx::query("select ?").bind(id).execute(tx).await?;
    Ok(())
}

fn main() {}
