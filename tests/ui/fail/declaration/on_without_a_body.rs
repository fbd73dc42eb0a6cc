//! A declaration begins nothing.

use sqlx::{Sqlite, SqlitePool};
use sqlx_transactional::{Tx, transactional};

trait Rename {
    #[transactional(on = pool)]
    async fn rename(&self, tx: &mut Tx<'_, Sqlite>, pool: &SqlitePool) -> sqlx::Result<()>;
}

struct Notes;

impl Rename for Notes {
    #[transactional(on = pool)]
    async fn rename(&self, tx: &mut Tx<'_, Sqlite>, pool: &SqlitePool) -> sqlx::Result<()> {
        sqlx::query("select 1").execute(tx).await.map(drop)
    }
}

fn main() {}
