//! Type parameters, constants, defaults of an implementation, bounds in a
//! `where` clause.

use std::fmt::Display;

use sqlx::{Sqlite, SqlitePool};
use sqlx_transactional::{Tx, transactional};

#[transactional]
async fn rename<T: Display, const N: usize>(
    tx: &mut Tx<'_, Sqlite>,
    titles: [T; N],
) -> sqlx::Result<usize> {
    for title in &titles {
        let title = title.to_string();
        sqlx::query("select ?")
            .bind(title)
            .execute(&mut *tx)
            .await?;
    }
    Ok(N)
}

#[transactional]
async fn bind<'q, V>(tx: &mut Tx<'_, Sqlite>, value: V) -> sqlx::Result<()>
where
    V: sqlx::Encode<'q, Sqlite> + sqlx::Type<Sqlite> + Send + 'q,
{
    sqlx::query("select ?").bind(value).execute(tx).await?;
    Ok(())
}

struct Notes<T>(T);

impl<T> Notes<T>
where
    T: AsRef<str> + Sync,
{
    #[transactional]
    async fn rename<U>(&self, tx: &mut Tx<'_, Sqlite>, suffix: U) -> sqlx::Result<String>
    where
        U: Into<String> + Send,
    {
        let title = self.0.as_ref().to_owned() + &suffix.into();
        sqlx::query_scalar("select ?")
            .bind(title)
            .fetch_one(tx)
            .await
    }
}

#[tokio::main]
async fn main() -> sqlx::Result<()> {
    let pool = SqlitePool::connect("sqlite::memory:").await?;
    assert_eq!(rename(&pool, ["a", "b"]).await?, 2);
    bind(&pool, 1_i64).await?;
    bind(&pool, "text").await?;
    assert_eq!(Notes("a").rename(&pool, 'b').await?, "ab");
    Ok(())
}
