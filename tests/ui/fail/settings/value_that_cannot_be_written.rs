//! A setting is a text.

use sqlx::Postgres;
use sqlx_transactional::{Tx, transactional};

struct User;

#[transactional(settings("app.user_id" = id))]
async fn rename(tx: &mut Tx<'_, Postgres>, id: User) -> sqlx::Result<()> {
    let _ = (tx, id);
    Ok(())
}

fn main() {}
