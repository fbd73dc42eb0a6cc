//! A public function without a word is found.
#![deny(missing_docs)]

use sqlx::Sqlite;
use sqlx_transactional::{Tx, transactional};

#[transactional]
pub async fn rename(tx: &mut Tx<'_, Sqlite>) -> sqlx::Result<()> {
    sqlx::query("select 1").execute(tx).await.map(drop)
}

fn main() {}
