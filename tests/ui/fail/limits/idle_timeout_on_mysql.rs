//! Neither does MySQL.

use sqlx::MySql;
use sqlx_transactional::{Tx, transactional};

#[transactional(idle_timeout = "5s")]
async fn rename(tx: &mut Tx<'_, MySql>, id: i64) -> sqlx::Result<()> {
    sqlx::query("select ?").bind(id).execute(tx).await?;
    Ok(())
}

fn main() {}
