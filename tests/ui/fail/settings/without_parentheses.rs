//! Settings stand in parentheses.

use sqlx::Postgres;
use sqlx_transactional::{Tx, transactional};

#[transactional(settings = "app.user_id")]
async fn rename(tx: &mut Tx<'_, Postgres>, id: i64) -> sqlx::Result<()> {
    sqlx::query("select ?").bind(id).execute(tx).await?;
    Ok(())
}

fn main() {}
