//! Blocks: with borrowed captures, values moved in, options, in spawned tasks, in
//! functions and closures, inside one another.

use sqlx::{Sqlite, SqlitePool};
use sqlx_transactional::{Tx, on, read, transaction, transactional};

#[transactional]
async fn add(tx: &mut Tx<'_, Sqlite>, to: &mut Vec<i64>, number: i64) -> sqlx::Result<usize> {
    to.push(
        sqlx::query_scalar("select ?")
            .bind(number)
            .fetch_one(tx)
            .await?,
    );
    Ok(to.len())
}

async fn borrowed(pool: &SqlitePool, title: &str) -> sqlx::Result<usize> {
    let (mut seen, suffix) = (Vec::new(), String::from("!"));
    let count = transaction(pool, async |tx| {
        add(&mut *tx, &mut seen, 1).await?;
        let kept: String = sqlx::query_scalar("select ? || ?")
            .bind(title)
            .bind(&suffix)
            .fetch_one(&mut *tx)
            .await?;
        add(&mut *tx, &mut seen, 2).await?;
        let inner = tx.savepoint(async |tx| {
            add(&mut *tx, &mut seen, 3).await?;
            Err::<(), _>(sqlx::Error::RowNotFound)
        });
        assert!(inner.await.is_err());
        Ok::<_, sqlx::Error>(kept.len())
    })
    .await?;
    Ok(count + seen.len() + suffix.len())
}

async fn moved(pool: SqlitePool, title: String) -> anyhow::Result<String> {
    let title = on(pool)
        .name("moved")
        .savepoint()
        .run(async move |tx| {
            sqlx::query("select 1").execute(&mut *tx).await?;
            if title.is_empty() {
                anyhow::bail!("empty");
            }
            Ok(title)
        })
        .await?;
    Ok(title)
}

async fn reading(pool: &SqlitePool) -> sqlx::Result<i64> {
    let one = on(pool).read(async |tx| sqlx::query_scalar("select 1").fetch_one(tx).await);
    let one: i64 = one.await?;
    read(pool, async |tx| {
        sqlx::query_scalar("select ?").bind(one).fetch_one(tx).await
    })
    .await
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let pool = SqlitePool::connect("sqlite::memory:").await?;
    let spawned = tokio::spawn({
        let pool = pool.clone();
        async move { borrowed(&pool, "ab").await }
    });
    assert_eq!(spawned.await??, 3 + 3 + 1);
    let spawned = tokio::spawn(moved(pool.clone(), "title".to_owned()));
    assert_eq!(spawned.await??, "title");
    let spawned = tokio::spawn(async move { reading(&pool).await });
    assert_eq!(spawned.await??, 1);
    Ok(())
}
