//! Lifetimes: named, elided, bounded, higher-ranked, of the handle and of what
//! is returned.

use std::borrow::Cow;

use sqlx::{Sqlite, SqlitePool};
use sqlx_transactional::{ReadTx, Tx, transactional};

#[transactional]
async fn elided(tx: &mut Tx<'_, Sqlite>, title: &str) -> sqlx::Result<usize> {
    sqlx::query("select ?").bind(title).execute(tx).await?;
    Ok(title.len())
}

#[transactional]
async fn named<'t>(tx: &'t mut Tx<'t, Sqlite>) -> sqlx::Result<()> {
    sqlx::query("select 1").execute(tx).await?;
    Ok(())
}

#[transactional]
async fn two_names<'t, 'c: 't>(tx: &'t mut Tx<'c, Sqlite>) -> sqlx::Result<()> {
    sqlx::query("select 1").execute(tx).await?;
    Ok(())
}

#[transactional]
async fn any_length(tx: &mut Tx<'static, Sqlite>) -> sqlx::Result<()> {
    sqlx::query("select 1").execute(tx).await?;
    Ok(())
}

#[transactional]
async fn shared<'t>(tx: &mut Tx<'t, Sqlite>, title: &'t str) -> sqlx::Result<&'t str> {
    sqlx::query("select ?").bind(title).execute(tx).await?;
    Ok(title)
}

#[transactional]
async fn returned<'a, 'b: 'a>(
    tx: &mut ReadTx<'_, Sqlite>,
    first: &'a str,
    second: Cow<'b, str>,
) -> sqlx::Result<Cow<'a, str>> {
    let longer: bool = sqlx::query_scalar("select length(?) > length(?)")
        .bind(first)
        .bind(second.as_ref())
        .fetch_one(tx)
        .await?;
    Ok(if longer { first.into() } else { second })
}

#[transactional]
async fn higher_ranked<F>(tx: &mut Tx<'_, Sqlite>, title: &str, trim: F) -> sqlx::Result<String>
where
    F: for<'x> Fn(&'x str) -> &'x str + Send,
{
    sqlx::query_scalar("select ?")
        .bind(trim(title))
        .fetch_one(tx)
        .await
}

#[tokio::main]
async fn main() -> sqlx::Result<()> {
    let pool = SqlitePool::connect("sqlite::memory:").await?;
    let title = String::from(" a ");
    assert_eq!(elided(&pool, &title).await?, 3);
    named(&pool).await?;
    two_names(&pool).await?;
    any_length(&pool).await?;
    assert_eq!(shared(&pool, &title).await?, " a ");
    assert_eq!(returned(&pool, &title, Cow::Borrowed("b")).await?, " a ");
    assert_eq!(higher_ranked(&pool, &title, str::trim).await?, "a");
    Ok(())
}
