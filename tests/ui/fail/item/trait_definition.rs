//! Each method is a transaction of its own.

use sqlx::Sqlite;
use sqlx_transactional::{Tx, transactional};

#[transactional]
trait Rename {
    async fn rename(&self, tx: &mut Tx<'_, Sqlite>) -> sqlx::Result<()>;
}

fn main() {}
