//! MySQL has no settings of a transaction.

use sqlx::MySql;
use sqlx_transactional::{Tx, transactional};

#[transactional(settings("app.user_id" = id, "app.tenant" = 1))]
async fn rename(tx: &mut Tx<'_, MySql>, id: i64) -> sqlx::Result<()> {
    sqlx::query("select ?").bind(id).execute(tx).await?;
    Ok(())
}

fn main() {}
