//! Bodies that can run again, with every shape of argument.

use std::{cell::Cell, fmt::Display, sync::Arc};

use sqlx::{Database, Postgres, Sqlite, SqlitePool};
use sqlx_transactional::{ReadTx, Tx, transactional};

#[derive(Clone)]
struct Rename {
    id: i64,
    title: String,
}

/// What is not in the pattern need not be `Clone`.
struct Extracted<T>(T, NotClone);

struct NotClone;

#[derive(Clone)]
struct App {
    pool: SqlitePool,
}

#[transactional(retry)]
async fn patterns(
    tx: &mut Tx<'_, Sqlite>,
    Rename { id, mut title }: Rename,
    (first, _): (i64, NotClone),
    [.., last]: [i64; 3],
    _: NotClone,
    mut count: i64,
    ref borrowed: String,
    whole @ (): (),
) -> sqlx::Result<i64> {
    title.push_str(borrowed);
    count += id + first + last;
    assert_eq!(whole, ());
    let length = sqlx::query_scalar("select ? + length(?)").bind(count);
    length.bind(title).fetch_one(tx).await
}

#[transactional(
    retry(attempts = 3, deadline = "10s", base = "5ms", cap = "500ms"),
    idempotent
)]
async fn generic<'a, T, const N: usize>(
    tx: &mut ReadTx<'_, Sqlite>,
    first: &'a T,
    others: [T; N],
    shown: impl Display + Clone + Send + Sync,
    into: fn(T) -> i64,
) -> sqlx::Result<(&'a T, i64)>
where
    T: Clone + Send + Sync,
{
    let sum: i64 = others.into_iter().map(into).sum();
    let length = sqlx::query_scalar("select ? + length(?)").bind(sum);
    Ok((first, length.bind(shown.to_string()).fetch_one(tx).await?))
}

#[transactional(retry(attempts = 2))]
async fn opaque(tx: &mut Tx<'_, Sqlite>, id: i64) -> sqlx::Result<impl Display> {
    let id: i64 = sqlx::query_scalar("select ?")
        .bind(id)
        .fetch_one(tx)
        .await?;
    Ok(id)
}

/// As an axum handler: the place is in a pattern, and made once.
#[transactional(on = app.pool, retry, key = app.pool.size())]
async fn handler(
    tx: &mut Tx<'_, Sqlite>,
    Extracted(app, _): Extracted<App>,
    Extracted(Rename { id, .. }, ..): Extracted<Rename>,
) -> sqlx::Result<i64> {
    drop(app);
    sqlx::query_scalar("select ?").bind(id).fetch_one(tx).await
}

#[transactional(on = &pool, retry, outermost)]
async fn on_a_reference(tx: &mut Tx<'_, Sqlite>, pool: SqlitePool) -> sqlx::Result<i64> {
    drop(pool);
    sqlx::query_scalar("select 1").fetch_one(tx).await
}

#[transactional(retry, savepoint)]
async fn nested(mut tx: &mut Tx<'_, Sqlite>, r#type: String) -> sqlx::Result<i64> {
    let again = &mut tx;
    let length = sqlx::query_scalar("select length(?)").bind(r#type);
    length.fetch_one(&mut **again).await
}

pub trait Store: Database {
    fn count(tx: &mut Tx<'_, Self>) -> impl Future<Output = sqlx::Result<i64>> + Send;
}

impl Store for Sqlite {
    async fn count(tx: &mut Tx<'_, Self>) -> sqlx::Result<i64> {
        sqlx::query_scalar("select 1").fetch_one(tx).await
    }
}

#[transactional(retry)]
async fn over_any_database<DB: Store>(tx: &mut Tx<'_, DB>) -> sqlx::Result<i64> {
    DB::count(tx).await
}

impl App {
    #[transactional(on = self.pool, retry)]
    async fn shared(&self, tx: &mut Tx<'_, Sqlite>) -> sqlx::Result<i64> {
        sqlx::query_scalar("select 1").fetch_one(tx).await
    }

    #[transactional(retry)]
    async fn shared_pointer(self: &Arc<Self>, tx: &mut Tx<'_, Sqlite>) -> sqlx::Result<i64> {
        self.shared().await?;
        sqlx::query_scalar("select 1").fetch_one(tx).await
    }
}

#[transactional(retry)]
async fn cfg(
    tx: &mut Tx<'_, Sqlite>,
    #[cfg(any())] absent: NotClone,
    #[cfg(all())] present: i64,
    #[expect(unused_variables, reason = "later")] later: i64,
) -> sqlx::Result<i64> {
    sqlx::query_scalar("select ?")
        .bind(present)
        .fetch_one(tx)
        .await
}

#[transactional(retry(attempts = 4))]
async fn failing(
    tx: &mut Tx<'_, Sqlite>,
    runs: &Cell<u32>,
    mut left: Vec<u8>,
) -> sqlx::Result<u32> {
    runs.set(runs.get() + 1);
    assert_eq!(
        left.pop(),
        Some(3),
        "each attempt gets what the first one got"
    );
    if runs.get() < 3 {
        sqlx::query("insert into busy values (1)")
            .execute(tx)
            .await?;
    }
    Ok(runs.get())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> sqlx::Result<()> {
    let pool = sqlx_transactional::pool::connect::<Sqlite>("sqlite::memory:").await?;
    let keys = sqlx_transactional::keys::table::<Sqlite>();
    sqlx::raw_sql(keys).execute(&pool).await?;
    let order = Rename {
        id: 1,
        title: "ab".into(),
    };
    let sum = patterns(
        &pool,
        order.clone(),
        (10, NotClone),
        [0, 0, 100],
        NotClone,
        1000,
        "!".into(),
        (),
    );
    assert_eq!(sum.await?, 1114);
    assert_eq!(generic(&pool, &5, [1, 2], "abc", i64::from).await?, (&5, 6));
    assert_eq!(opaque(&pool, 5).await?.to_string(), "5");
    let app = App { pool: pool.clone() };
    let extracted = Extracted(app.clone(), NotClone);
    assert_eq!(handler(extracted, Extracted(order, NotClone)).await?, 1);
    assert_eq!(on_a_reference(pool.clone()).await?, 1);
    assert_eq!(nested(&pool, "ab".into()).await?, 2);
    assert_eq!(over_any_database(&pool).await?, 1);
    assert_eq!(app.shared().await?, 1);
    assert_eq!(cfg(&pool, 3, 4).await?, 3);
    let pool_of_two = sqlx_transactional::pool::connect::<Sqlite>("sqlite::memory:").await?;
    assert_eq!(Arc::new(app).shared_pointer(&pool_of_two).await?, 1);
    let _ = tokio::spawn(async move { over_any_database(&pool_of_two).await });
    let runs = Cell::new(0);
    assert!(failing(&pool, &runs, vec![1, 2, 3]).await.is_err());
    assert_eq!(runs.get(), 1, "a missing table is not for a retry");
    Ok(())
}

/// The options of the engines go with it.
#[transactional(retry, isolation = serializable, deferrable, settings("app.user_id" = id))]
pub async fn report(tx: &mut ReadTx<'_, Postgres>, id: i64) -> sqlx::Result<i64> {
    sqlx::query_scalar("select $1").bind(id).fetch_one(tx).await
}
