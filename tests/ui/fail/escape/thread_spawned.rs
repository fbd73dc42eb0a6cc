//! Nor can a thread that outlives the function.

use sqlx::Sqlite;
use sqlx_transactional::{Tx, transactional};

#[transactional]
async fn rename(tx: &mut Tx<'_, Sqlite>) -> sqlx::Result<()> {
    std::thread::spawn(move || tx.roll_back());
    Ok(())
}

fn main() {}
