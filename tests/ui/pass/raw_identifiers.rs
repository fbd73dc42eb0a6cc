//! Names that are keywords.

use sqlx::{Sqlite, SqlitePool};
use sqlx_transactional::{Tx, transactional};

#[transactional]
async fn r#move(r#mut: &mut Tx<'_, Sqlite>, r#type: i64) -> sqlx::Result<i64> {
    sqlx::query_scalar("select ?")
        .bind(r#type)
        .fetch_one(r#mut)
        .await
}

struct Notes {
    r#in: SqlitePool,
}

impl Notes {
    #[transactional(on = self.r#in, name = "match")]
    async fn r#match<'r#while>(
        &'r#while self,
        tx: &mut Tx<'_, Sqlite>,
        r#as: i64,
    ) -> sqlx::Result<(i64, &'r#while SqlitePool)> {
        Ok((r#move(tx, r#as).await?, &self.r#in))
    }
}

#[tokio::main]
async fn main() -> sqlx::Result<()> {
    let pool = SqlitePool::connect("sqlite::memory:").await?;
    assert_eq!(r#move(&pool, 1).await?, 1);
    assert_eq!(Notes { r#in: pool }.r#match(2).await?.0, 2);
    Ok(())
}
