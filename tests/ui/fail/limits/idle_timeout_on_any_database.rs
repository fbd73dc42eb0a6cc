//! A function for any database has to say that the database can do it.

use sqlx::Database;
use sqlx_transactional::{Tx, transactional};

trait Store: Database {
    fn rename(tx: &mut Tx<'_, Self>) -> impl Future<Output = sqlx::Result<()>> + Send;
}

#[transactional(idle_timeout = "5s")]
async fn rename<DB: Store>(tx: &mut Tx<'_, DB>) -> sqlx::Result<()> {
    DB::rename(tx).await
}

fn main() {}
