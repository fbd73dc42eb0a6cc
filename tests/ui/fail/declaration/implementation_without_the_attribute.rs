//! An implementation is annotated if its declaration is.

use sqlx::Sqlite;
use sqlx_transactional::{Tx, transactional};

trait Rename {
    #[transactional]
    async fn rename(&self, tx: &mut Tx<'_, Sqlite>) -> sqlx::Result<()>;
}

struct Notes;

impl Rename for Notes {
    async fn rename(&self, tx: &mut Tx<'_, Sqlite>) -> sqlx::Result<()> {
        sqlx::query("select 1").execute(tx).await.map(drop)
    }
}

fn main() {}
