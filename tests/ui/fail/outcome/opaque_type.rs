//! A type without a name is not known to be a `Result`.

use std::fmt::Debug;

use sqlx::Sqlite;
use sqlx_transactional::{Tx, transactional};

#[transactional]
async fn rename(tx: &mut Tx<'_, Sqlite>) -> impl Debug {
    let _ = tx;
    1_u8
}

fn main() {}
