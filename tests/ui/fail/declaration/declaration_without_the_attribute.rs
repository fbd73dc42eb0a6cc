//! A declaration is annotated if its implementation is.

use sqlx::Sqlite;
use sqlx_transactional::{Tx, transactional};

trait Rename {
    async fn rename(&self, tx: &mut Tx<'_, Sqlite>) -> sqlx::Result<()>;
}

struct Notes;

impl Rename for Notes {
    #[transactional]
    async fn rename(&self, tx: &mut Tx<'_, Sqlite>) -> sqlx::Result<()> {
        sqlx::query("select 1").execute(tx).await.map(drop)
    }
}

fn main() {}
