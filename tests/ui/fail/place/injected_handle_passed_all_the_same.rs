//! With `on` the parameter is gone from the signature.

use sqlx::{Sqlite, SqlitePool};
use sqlx_transactional::{Tx, transactional};

struct Notes {
    pool: SqlitePool,
}

impl Notes {
    #[transactional(on = self.pool)]
    async fn rename(&self, tx: &mut Tx<'_, Sqlite>, id: i64) -> sqlx::Result<()> {
        sqlx::query("select ?").bind(id).execute(tx).await?;
        Ok(())
    }
}

async fn caller(notes: &Notes) -> sqlx::Result<()> {
    notes.rename(&notes.pool, 1).await
}

fn main() {}
