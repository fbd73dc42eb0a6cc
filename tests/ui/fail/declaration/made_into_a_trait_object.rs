//! A trait with transactional methods is generic, so it makes no trait objects.

use sqlx::Sqlite;
use sqlx_transactional::{Tx, transactional};

trait Rename {
    #[transactional]
    async fn rename(&self, tx: &mut Tx<'_, Sqlite>) -> sqlx::Result<()>;
}

fn caller(_: &dyn Rename) {}

fn main() {}
