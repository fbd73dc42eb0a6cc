//! SP-12: the handle of a savepoint ends with it.

use sqlx::Sqlite;
use sqlx_transactional::{Tx, transactional};

#[transactional]
async fn rename(tx: &mut Tx<'_, Sqlite>) -> sqlx::Result<()> {
    let inner = tx
        .savepoint(async |inner| Ok::<_, sqlx::Error>(inner))
        .await?;
    sqlx::query("select 1").execute(inner).await?;
    Ok(())
}

fn main() {}
