//! An implementation cannot ask for more than its declaration.

use sqlx::Sqlite;
use sqlx_transactional::{ReadTx, Tx, transactional};

trait Load {
    #[transactional]
    async fn load(&self, tx: &mut ReadTx<'_, Sqlite>) -> sqlx::Result<()>;
}

struct Notes;

impl Load for Notes {
    #[transactional]
    async fn load(&self, tx: &mut Tx<'_, Sqlite>) -> sqlx::Result<()> {
        sqlx::query("select 1").execute(tx).await.map(drop)
    }
}

fn main() {}
