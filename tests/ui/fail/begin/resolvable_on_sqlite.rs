use sqlx::Sqlite;
use sqlx_transactional::{Tx, transactional};

#[transactional(resolvable)]
async fn store(tx: &mut Tx<'_, Sqlite>) -> Result<(), sqlx::Error> {
    sqlx::query("delete from notes").execute(tx).await.map(drop)
}

fn main() {}
