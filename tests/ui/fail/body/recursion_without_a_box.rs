//! A future cannot hold itself.

use sqlx::Sqlite;
use sqlx_transactional::{Tx, transactional};

async fn delete(tx: &mut Tx<'_, Sqlite>, id: i64) -> sqlx::Result<()> {
    delete_children(&mut *tx, id).await
}

#[transactional]
async fn delete_children(tx: &mut Tx<'_, Sqlite>, id: i64) -> sqlx::Result<()> {
    delete(&mut *tx, id + 1).await
}

fn main() {}
