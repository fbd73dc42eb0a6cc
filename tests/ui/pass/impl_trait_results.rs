//! `impl Trait` inside the returned `Result`.

use std::fmt::Display;

use sqlx::{Sqlite, SqlitePool};
use sqlx_transactional::{ReadTx, transactional};

#[transactional]
async fn titles(tx: &mut ReadTx<'_, Sqlite>) -> sqlx::Result<impl Iterator<Item = String>> {
    let titles: Vec<String> = sqlx::query_scalar("select 'a' union select 'b'")
        .fetch_all(tx)
        .await?;
    Ok(titles.into_iter().rev())
}

#[transactional]
async fn pair(
    tx: &mut ReadTx<'_, Sqlite>,
    early: bool,
) -> Result<(impl Display, Option<impl Display>), sqlx::Error> {
    if early {
        return Ok((1, None));
    }
    let two: i64 = sqlx::query_scalar("select 2").fetch_one(tx).await?;
    Ok((two, Some("three")))
}

#[tokio::main]
async fn main() -> sqlx::Result<()> {
    let pool = SqlitePool::connect("sqlite::memory:").await?;
    assert_eq!(titles(&pool).await?.collect::<String>(), "ba");
    let (two, three) = pair(&pool, false).await?;
    assert_eq!(format!("{two}{}", three.unwrap()), "2three");
    assert!(pair(&pool, true).await?.1.is_none());
    Ok(())
}
