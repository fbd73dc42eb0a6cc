//! The second attempt would find what the first one left.

use sqlx::Sqlite;
use sqlx_transactional::{Tx, transactional};

struct Notes;

impl Notes {
    #[transactional(retry)]
    async fn rename(&mut self, tx: &mut Tx<'_, Sqlite>, id: i64) -> sqlx::Result<()> {
        sqlx::query("select ?").bind(id).execute(tx).await?;
        Ok(())
    }
}

fn main() {}
