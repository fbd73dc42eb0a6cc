//! CAN-16: not behind an opaque type either.

use futures_util::Stream;
use sqlx::{Sqlite, sqlite::SqliteRow};
use sqlx_transactional::{ReadTx, transactional};

#[transactional]
async fn rows(
    tx: &mut ReadTx<'_, Sqlite>,
) -> sqlx::Result<impl Stream<Item = sqlx::Result<SqliteRow>>> {
    Ok(sqlx::query("select id from notes").fetch(tx))
}

fn main() {}
