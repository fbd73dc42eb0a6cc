//! Not every database has it.

use sqlx_transactional::{Tx, transactional};

pub trait Store: sqlx::Database {}

#[transactional(deferred)]
async fn rename<DB: Store>(tx: &mut Tx<'_, DB>, id: i64) -> sqlx::Result<()> {
    let _ = (tx, id);
    Ok(())
}

fn main() {}
