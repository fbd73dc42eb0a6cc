//! The second attempt would be given nothing.

use sqlx::Sqlite;
use sqlx_transactional::{Tx, transactional};

struct Id;

#[transactional(retry)]
async fn rename(tx: &mut Tx<'_, Sqlite>, count: i64, id: Id) -> sqlx::Result<()> {
    let _ = (tx, count, id);
    Ok(())
}

fn main() {}
