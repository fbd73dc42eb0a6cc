//! A type parameter has to say so too.

use sqlx::Sqlite;
use sqlx_transactional::{Tx, transactional};

#[transactional]
async fn rename<E>(tx: &mut Tx<'_, Sqlite>) -> Result<(), E> {
    let _ = tx;
    Ok(())
}

fn main() {}
