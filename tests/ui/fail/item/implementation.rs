//! Each method is a transaction of its own.

use sqlx::Sqlite;
use sqlx_transactional::{Tx, transactional};

struct Notes;

#[transactional]
impl Notes {
    async fn rename(&self, tx: &mut Tx<'_, Sqlite>) -> sqlx::Result<()> {
        let _ = tx;
        Ok(())
    }
}

fn main() {}
