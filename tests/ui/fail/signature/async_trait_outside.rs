//! `#[async_trait]` on the whole implementation runs first, and leaves no async
//! function behind.

use async_trait::async_trait;
use sqlx::Sqlite;
use sqlx_transactional::{Tx, transactional};

struct Notes;

#[async_trait]
trait Rename {
    async fn rename(&self, tx: &mut Tx<'_, Sqlite>, id: i64) -> sqlx::Result<()>;
}

#[async_trait]
impl Rename for Notes {
    #[transactional]
    async fn rename(&self, tx: &mut Tx<'_, Sqlite>, id: i64) -> sqlx::Result<()> {
        sqlx::query("select ?").bind(id).execute(tx).await?;
        Ok(())
    }
}

fn main() {}
