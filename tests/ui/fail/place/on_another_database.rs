//! A transaction of SQLite does not begin on a pool of PostgreSQL.

use sqlx::{PgPool, Sqlite};
use sqlx_transactional::{Tx, transactional};

#[transactional(on = pool)]
async fn rename(tx: &mut Tx<'_, Sqlite>, pool: PgPool) -> sqlx::Result<()> {
    sqlx::query("select 1").execute(tx).await?;
    Ok(())
}

fn main() {}
