//! SP-13: two savepoints of one transaction cannot run concurrently.

use sqlx::Sqlite;
use sqlx_transactional::{Tx, transactional};

#[transactional]
async fn fill(tx: &mut Tx<'_, Sqlite>) -> sqlx::Result<()> {
    let first = tx.savepoint(async |_| Ok::<_, sqlx::Error>(()));
    let second = tx.savepoint(async |_| Ok::<_, sqlx::Error>(()));
    tokio::try_join!(first, second)?;
    Ok(())
}

fn main() {}
