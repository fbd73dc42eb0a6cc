//! What keeps a future from being spawned is marked in the body.

use std::rc::Rc;

use sqlx::{Sqlite, SqlitePool};
use sqlx_transactional::{Tx, transactional};

#[transactional]
async fn rename(tx: &mut Tx<'_, Sqlite>) -> sqlx::Result<()> {
    let title = Rc::new(String::new());
    sqlx::query("select ?")
        .bind(title.as_str())
        .execute(tx)
        .await?;
    drop(title);
    Ok(())
}

fn caller(pool: SqlitePool) {
    tokio::spawn(async move { rename(&pool).await });
}

fn main() {}
