//! MySQL begins in one way.

use sqlx::MySql;
use sqlx_transactional::{Tx, transactional};

#[transactional(timeout = "5s", exclusive)]
async fn rename(tx: &mut Tx<'_, MySql>, id: i64) -> sqlx::Result<()> {
    sqlx::query("select ?").bind(id).execute(tx).await?;
    Ok(())
}

fn main() {}
