//! A call takes the handle it is given: `tx` for the last one, `&mut *tx` for
//! those before.

use sqlx::Sqlite;
use sqlx_transactional::{Tx, transactional};

#[transactional]
async fn insert(tx: &mut Tx<'_, Sqlite>, id: i64) -> sqlx::Result<()> {
    sqlx::query("insert into notes (id) values (?)")
        .bind(id)
        .execute(tx)
        .await?;
    Ok(())
}

#[transactional]
async fn fill(tx: &mut Tx<'_, Sqlite>) -> sqlx::Result<()> {
    insert(tx, 1).await?;
    insert(tx, 2).await
}

fn main() {}
