//! A body whose closures and inner futures borrow the arguments can be spawned.

use futures_util::{TryStreamExt, future::join_all};
use sqlx::{Sqlite, SqlitePool};
use sqlx_transactional::{Tx, transactional};

#[transactional]
async fn rename(tx: &mut Tx<'_, Sqlite>, titles: &[String], limit: &usize) -> sqlx::Result<usize> {
    let shorten = |title: &String| title.chars().take(*limit).collect::<String>();
    let measured = join_all(titles.iter().map(async |title| title.len() + *limit)).await;
    let longest = titles.iter().map(shorten).max_by_key(String::len);
    let all = async {
        let mut rows = sqlx::query_scalar("select ? union select ?")
            .bind(longest.as_deref())
            .bind(&titles[0])
            .fetch(&mut *tx);
        let mut count = 0;
        while let Some(title) = rows.try_next().await? {
            let title: String = title;
            count += title.len() + measured.len();
        }
        Ok::<_, sqlx::Error>(count)
    };
    let count = all.await?;
    tx.after_commit({
        let first = titles[0].clone();
        async move { drop(first) }
    });
    Ok(count)
}

#[tokio::main]
async fn main() -> sqlx::Result<()> {
    let pool = SqlitePool::connect("sqlite::memory:").await?;
    let spawned = tokio::spawn(async move {
        let (titles, limit) = ([String::from("a"), String::from("bcd")], 2);
        rename(&pool, &titles, &limit).await
    });
    assert_eq!(spawned.await.unwrap()?, (2 + 2) + (1 + 2));
    Ok(())
}
