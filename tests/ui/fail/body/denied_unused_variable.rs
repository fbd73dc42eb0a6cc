//! Lints hold for the body and the parameters as in plain code.
#![deny(unused)]

use sqlx::Sqlite;
use sqlx_transactional::{Tx, transactional};

#[transactional]
pub async fn rename(tx: &mut Tx<'_, Sqlite>, id: i64) -> sqlx::Result<()> {
    let title = "";
    Ok(())
}

fn main() {}
