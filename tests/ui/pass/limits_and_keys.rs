//! Time limits, keys and what can be resolved, alone and together.

use std::time::Duration;

use sqlx::{Postgres, Sqlite};
use sqlx_transactional::{IdleTimeout, Limits, ReadTx, Tx, keys, on, transactional};

#[transactional(timeout = "250ms", statement_timeout = "5s", lock_timeout = "1m")]
async fn limited(tx: &mut Tx<'_, Sqlite>) -> sqlx::Result<i64> {
    sqlx::query_scalar("select 1").fetch_one(tx).await
}

#[transactional(idle_timeout = "2h")]
async fn idle(tx: &mut ReadTx<'_, Postgres>) -> sqlx::Result<i64> {
    sqlx::query_scalar("select 1::bigint").fetch_one(tx).await
}

pub trait Store: IdleTimeout {
    fn count(tx: &mut Tx<'_, Self>) -> impl Future<Output = sqlx::Result<i64>> + Send;
}

#[transactional(idle_timeout = "5s")]
pub async fn idle_on_any<DB: Store>(tx: &mut Tx<'_, DB>) -> sqlx::Result<i64> {
    DB::count(tx).await
}

struct Order {
    id: i64,
}

impl Order {
    /// The argument is moved into the body, and named by the key all the same.
    #[transactional(key = format_args!("{} {line}", self.id), timeout = "5s")]
    async fn book(&self, tx: &mut Tx<'_, Sqlite>, line: String) -> sqlx::Result<i64> {
        let shown = line;
        sqlx::query_scalar("select length(?)").bind(shown).fetch_one(tx).await
    }
}

#[transactional(key = 7)]
async fn seven(tx: &mut Tx<'_, Sqlite>) -> sqlx::Result<i64> {
    sqlx::query_scalar("select 1").fetch_one(tx).await
}

/// The handle is not needed for more than its key.
#[transactional(key = "nothing else")]
async fn nothing(_: &mut Tx<'_, Sqlite>) -> sqlx::Result<()> {
    Ok(())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> sqlx::Result<()> {
    let pool = sqlx_transactional::pool::connect::<Sqlite>("sqlite::memory:").await?;
    sqlx::raw_sql(keys::table::<Sqlite>()).execute(&pool).await?;
    assert_eq!(limited(&pool).await?, 1);
    assert_eq!(Order { id: 1 }.book(&pool, "two".to_owned()).await?, 3);
    assert_eq!(seven(&pool).await?, 1);
    assert!(seven(&pool).await.is_err());
    nothing(&pool).await?;
    let block = on(&pool).key("block").limits(Limits::new().timeout(Duration::from_secs(5)));
    let counted = block.run(async |tx| sqlx::query_scalar("select 1").fetch_one(tx).await);
    let counted: i64 = counted.await?;
    assert_eq!(counted, 1);
    let keys: i64 = sqlx::query_scalar("select count(*) from sqlx_transactional_keys")
        .fetch_one(&pool)
        .await?;
    assert_eq!(keys, 4);
    let _ = idle(&sqlx::PgPool::connect_lazy("postgres://localhost/none")?);
    Ok(())
}

impl Store for Postgres {
    async fn count(tx: &mut Tx<'_, Self>) -> sqlx::Result<i64> {
        sqlx::query_scalar("select 1::bigint").fetch_one(tx).await
    }
}
