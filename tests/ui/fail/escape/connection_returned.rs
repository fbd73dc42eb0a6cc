//! The connection goes back to its pool with the end of the function.

use sqlx::{Sqlite, SqliteConnection};
use sqlx_transactional::{Tx, transactional};

#[transactional]
async fn lend<'t>(tx: &'t mut Tx<'_, Sqlite>) -> sqlx::Result<&'t mut SqliteConnection> {
    tx.connection().await
}

fn main() {}
