//! The second attempt would be given nothing.

use sqlx::Sqlite;
use sqlx_transactional::{Tx, transactional};

struct Id;

#[transactional(retry)]
async fn rename(tx: &mut Tx<'_, Sqlite>, (id, name): (Id, String)) -> sqlx::Result<()> {
    let _ = (tx, id, name);
    Ok(())
}

fn main() {}
