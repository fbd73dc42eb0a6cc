//! API-01: a function that returns a future by hand is not async.

use std::pin::Pin;

use sqlx::Sqlite;
use sqlx_transactional::{Tx, transactional};

#[transactional]
fn rename<'a>(tx: &'a mut Tx<'a, Sqlite>) -> Pin<Box<dyn Future<Output = sqlx::Result<()>> + 'a>> {
    Box::pin(async move { sqlx::query("select 1").execute(tx).await.map(drop) })
}

fn main() {}
