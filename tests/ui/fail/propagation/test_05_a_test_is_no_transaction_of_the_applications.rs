use sqlx::Sqlite;
use sqlx_transactional::{Tx, testing::TestTransaction};

async fn inside(tx: &mut Tx<'_, Sqlite>) -> Result<(), sqlx::Error> {
    sqlx::query("delete from notes").execute(tx).await.map(drop)
}

async fn tested(test: &mut TestTransaction<Sqlite>) -> Result<(), sqlx::Error> {
    inside(test).await
}

fn main() {}
