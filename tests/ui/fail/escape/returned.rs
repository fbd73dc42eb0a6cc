//! A handle ends with its function, so it is nothing to return.

use sqlx::Sqlite;
use sqlx_transactional::{Tx, transactional};

#[transactional]
async fn begin<'t>(tx: &'t mut Tx<'t, Sqlite>) -> sqlx::Result<&'t mut Tx<'t, Sqlite>> {
    Ok(tx)
}

fn main() {}
