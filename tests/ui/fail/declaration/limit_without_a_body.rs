//! A limit says how a body runs.

use sqlx::Sqlite;
use sqlx_transactional::{Tx, transactional};

trait Rename {
    #[transactional(timeout = "5s", key = id, resolvable)]
    async fn rename(&self, tx: &mut Tx<'_, Sqlite>, id: i64) -> sqlx::Result<()>;
}

fn main() {}
