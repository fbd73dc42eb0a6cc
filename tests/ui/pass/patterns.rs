//! Patterns in the place of parameters, the handle's own too.

use sqlx::{Sqlite, SqlitePool};
use sqlx_transactional::{Tx, transactional};

struct Rename {
    id: i64,
    title: String,
}

#[transactional]
async fn rename(
    tx: &mut Tx<'_, Sqlite>,
    Rename { id, mut title }: Rename,
    (first, _): (i64, i64),
    [.., last]: [i64; 3],
    _: (),
    mut count: i64,
) -> sqlx::Result<i64> {
    title.push('!');
    count += id + first + last;
    sqlx::query_scalar("select ? + length(?)")
        .bind(count)
        .bind(title)
        .fetch_one(tx)
        .await
}

#[transactional]
async fn ignored(_: &mut Tx<'_, Sqlite>, early: bool) -> sqlx::Result<bool> {
    Ok(early)
}

#[transactional]
async fn unused(_tx: &mut Tx<'_, Sqlite>, early: bool) -> sqlx::Result<bool> {
    Ok(early)
}

#[transactional]
async fn rebound(mut tx: &mut Tx<'_, Sqlite>) -> sqlx::Result<i64> {
    let again = &mut tx;
    sqlx::query_scalar("select 1").fetch_one(&mut **again).await
}

#[transactional]
async fn named_again(transaction @ _: &mut Tx<'_, Sqlite>) -> sqlx::Result<i64> {
    sqlx::query_scalar("select 1").fetch_one(transaction).await
}

#[tokio::main]
async fn main() -> sqlx::Result<()> {
    let pool = SqlitePool::connect("sqlite::memory:").await?;
    let order = Rename {
        id: 1,
        title: "ab".into(),
    };
    assert_eq!(
        rename(&pool, order, (10, 0), [0, 0, 100], (), 1000).await?,
        1114
    );
    assert!(ignored(&pool, true).await? && unused(&pool, true).await?);
    assert_eq!(rebound(&pool).await? + named_again(&pool).await?, 2);
    Ok(())
}
