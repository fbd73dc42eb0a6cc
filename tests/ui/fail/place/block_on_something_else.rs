//! A block begins where a function does.

use sqlx_transactional::transaction;

async fn caller(url: String) -> sqlx::Result<()> {
    transaction(url, async |tx| {
        sqlx::query("select 1").execute(&mut *tx).await?;
        Ok(())
    })
    .await
}

fn main() {}
