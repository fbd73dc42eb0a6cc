//! OUT-08: nor can it be rolled back there and then; `roll_back` asks for it.

use sqlx::Sqlite;
use sqlx_transactional::{Tx, transactional};

#[transactional]
async fn rename(tx: &mut Tx<'_, Sqlite>) -> sqlx::Result<()> {
    tx.rollback().await
}

fn main() {}
