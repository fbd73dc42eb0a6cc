//! What is returned may hold the place the transaction began on, and an opaque
//! type has to say so.

use sqlx::Sqlite;
use sqlx_transactional::{Tx, transactional};

#[transactional]
async fn ids(tx: &mut Tx<'_, Sqlite>) -> sqlx::Result<impl Iterator<Item = i64> + use<>> {
    let ids = sqlx::query_scalar("select 1").fetch_all(tx).await?;
    Ok(ids.into_iter())
}

fn main() {}
