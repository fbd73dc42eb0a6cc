//! API-01: a function that makes a stream is no transaction.

use futures_util::{Stream, StreamExt};
use sqlx::{Sqlite, sqlite::SqliteRow};
use sqlx_transactional::{ReadTx, transactional};

#[transactional]
fn rows(tx: &mut ReadTx<'_, Sqlite>) -> impl Stream<Item = sqlx::Result<SqliteRow>> {
    sqlx::query("select id from notes").fetch(tx).boxed()
}

fn main() {}
