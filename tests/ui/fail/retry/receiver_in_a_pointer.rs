//! The second attempt would be given nothing.

use sqlx::Sqlite;
use sqlx_transactional::{Tx, transactional};

struct Notes;

impl Notes {
    #[transactional(retry)]
    async fn rename(
        self: std::sync::Arc<Self>,
        tx: &mut Tx<'_, Sqlite>,
        id: i64,
    ) -> sqlx::Result<()> {
        sqlx::query("select ?").bind(id).execute(tx).await?;
        Ok(())
    }
}

fn main() {}
