//! CAN-16: rows that still have to be read cannot leave the transaction.

use futures_util::stream::BoxStream;
use sqlx::{Sqlite, sqlite::SqliteRow};
use sqlx_transactional::{ReadTx, transactional};

#[transactional]
async fn rows<'a>(
    tx: &'a mut ReadTx<'_, Sqlite>,
) -> sqlx::Result<BoxStream<'a, sqlx::Result<SqliteRow>>> {
    Ok(sqlx::query("select id from notes").fetch(tx))
}

fn main() {}
