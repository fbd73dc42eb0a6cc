//! What says how a body runs belongs where the body is.

use sqlx::Sqlite;
use sqlx_transactional::{Tx, transactional};

trait Rename {
    #[transactional(name = "rename")]
    async fn rename(&self, tx: &mut Tx<'_, Sqlite>) -> sqlx::Result<()>;
}

fn main() {}
