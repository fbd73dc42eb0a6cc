//! A misspelled field is the compiler's to find.

use sqlx::{Sqlite, SqlitePool};
use sqlx_transactional::{Tx, transactional};

struct Notes {
    pool: SqlitePool,
}

impl Notes {
    #[transactional(on = self.pol)]
    async fn rename(&self, tx: &mut Tx<'_, Sqlite>) -> sqlx::Result<()> {
        sqlx::query("select 1").execute(tx).await?;
        Ok(())
    }
}

fn main() {}
