//! Capital letters make no difference.

use sqlx::Postgres;
use sqlx_transactional::{Tx, transactional};

#[transactional(settings("app.user_id" = id, "App.User_Id" = 1))]
async fn rename(tx: &mut Tx<'_, Postgres>, id: i64) -> sqlx::Result<()> {
    sqlx::query("select ?").bind(id).execute(tx).await?;
    Ok(())
}

fn main() {}
