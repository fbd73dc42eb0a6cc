//! What only reads has no outcome to be asked about.

use sqlx::Postgres;
use sqlx_transactional::{ReadTx, transactional};

#[transactional(resolvable)]
async fn load(tx: &mut ReadTx<'_, Postgres>) -> Result<(), sqlx::Error> {
    sqlx::query("select 1").execute(tx).await.map(drop)
}

fn main() {}
