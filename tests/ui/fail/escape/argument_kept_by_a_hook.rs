//! A hook may outlive the caller, so it cannot borrow the arguments either.

use sqlx::Sqlite;
use sqlx_transactional::{Tx, transactional};

#[transactional]
async fn rename(tx: &mut Tx<'_, Sqlite>, title: &str) -> sqlx::Result<()> {
    tx.after_commit(async move { println!("renamed to {title}") });
    Ok(())
}

fn main() {}
