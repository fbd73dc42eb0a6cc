//! Types are judged by what they are, not by how they are spelled.

use sqlx::Sqlite;
use sqlx_transactional::{Tx, transactional};

type Result<T> = std::ops::ControlFlow<T>;

#[transactional]
async fn rename(tx: &mut Tx<'_, Sqlite>) -> Result<()> {
    let _ = tx;
    Result::Continue(())
}

fn main() {}
