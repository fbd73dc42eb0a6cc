//! Every shape of function.

use std::sync::Arc;

use sqlx::{Database, Pool, Postgres, Sqlite, SqlitePool};
use sqlx_transactional::{ReadTx, Tx, transaction, transactional};

/// A database with statements of its own.
pub trait Store: Database {
    /// Counts.
    fn count(tx: &mut Tx<'_, Self>) -> impl Future<Output = sqlx::Result<i64>> + Send;
}

impl Store for Sqlite {
    async fn count(tx: &mut Tx<'_, Self>) -> sqlx::Result<i64> {
        sqlx::query_scalar("select 1").fetch_one(tx).await
    }
}

/// Methods that are transactions, declared, given, and implemented.
trait Rename {
    #[transactional]
    async fn declared(&self, tx: &mut Tx<'_, Sqlite>) -> sqlx::Result<i64>;

    #[transactional]
    async fn given(&self, tx: &mut Tx<'_, Sqlite>) -> sqlx::Result<i64> {
        self.declared(tx).await
    }
}

impl Rename for Notes {
    #[transactional(savepoint)]
    async fn declared(&self, tx: &mut Tx<'_, Sqlite>) -> sqlx::Result<i64> {
        self.method(tx, "a").await
    }
}

/// A type with methods that are transactions.
#[derive(Clone, Debug)]
pub struct Notes {
    pool: SqlitePool,
}

impl Notes {
    /// Notes in a pool.
    #[must_use]
    pub const fn new(pool: SqlitePool) -> Self {
        Self { pool }
    }

    /// A method.
    ///
    /// # Errors
    ///
    /// The database's.
    #[transactional]
    pub async fn method(&self, tx: &mut Tx<'_, Sqlite>, title: &str) -> sqlx::Result<i64> {
        if self.pool.is_closed() {
            return Ok(0);
        }
        let bound = sqlx::query_scalar("select length(?)").bind(title);
        bound.fetch_one(tx).await
    }

    /// A method that begins on its own.
    ///
    /// # Errors
    ///
    /// The database's.
    #[transactional(on = self.pool, name = "injected")]
    pub async fn injected(&self, tx: &mut Tx<'_, Sqlite>) -> sqlx::Result<i64> {
        self.method(tx, "a").await
    }

    /// A method that consumes.
    ///
    /// # Errors
    ///
    /// The database's.
    #[transactional]
    pub async fn consuming(self: Arc<Self>, tx: &mut Tx<'_, Sqlite>) -> sqlx::Result<i64> {
        self.method(tx, "a").await
    }
}

/// Everything, once each, in one transaction and then in one more.
///
/// # Errors
///
/// The database's.
pub async fn everything(pool: &SqlitePool, notes: &Notes) -> sqlx::Result<i64> {
    let inside = transaction(pool, async |tx| joined(&mut *tx, notes).await).await?;
    let outside = notes.injected().await? + outermost(pool.clone(), Some(1)).await?;
    let retried = retried(pool, "b", "a".to_owned(), (3, 0), 0).await?;
    let judged = dry(pool).await? + always(pool).await?;
    Ok(inside + outside + from_a_macro(pool).await? + retried + judged)
}

#[transactional]
async fn joined(tx: &mut Tx<'_, Sqlite>, notes: &Notes) -> sqlx::Result<i64> {
    let mut sum = notes.method(&mut *tx, "a").await?;
    sum += notes.given(&mut *tx).await?;
    sum += Arc::new(notes.clone()).consuming(&mut *tx).await?;
    sum += over_any_database(&mut *tx).await?;
    sum += in_a_savepoint(&mut *tx, (1, 0)).await?;
    sum += shortest(&mut *tx, "a", "bc")
        .await?
        .chars()
        .map(|_| 1_i64)
        .sum::<i64>();
    sum += sent(&mut *tx, &mut |_: &str| {}).await?;
    reads(&mut *tx).await?;
    Ok(sum)
}

#[transactional]
async fn over_any_database<DB>(tx: &mut Tx<'_, DB>) -> sqlx::Result<i64>
where
    DB: Store,
{
    DB::count(tx).await
}

#[transactional(savepoint)]
async fn in_a_savepoint(tx: &mut Tx<'_, Sqlite>, (id, _): (i64, u8)) -> sqlx::Result<i64> {
    sqlx::query_scalar("select ?").bind(id).fetch_one(tx).await
}

#[transactional(outermost)]
async fn outermost(tx: &mut Tx<'_, Sqlite>, id: Option<i64>) -> sqlx::Result<i64> {
    let Some(id) = id else {
        return Err(sqlx::Error::RowNotFound);
    };
    tx.after_commit(async {});
    sqlx::query_scalar("select ?").bind(id).fetch_one(tx).await
}

#[transactional]
async fn shortest<'a>(
    tx: &mut ReadTx<'_, Sqlite>,
    first: &'a str,
    second: &'a str,
) -> sqlx::Result<&'a str> {
    let shorter = sqlx::query_scalar("select length(?) < length(?)");
    let shorter: bool = shorter.bind(first).bind(second).fetch_one(tx).await?;
    Ok(if shorter { first } else { second })
}

#[transactional]
async fn sent(
    tx: &mut Tx<'_, Sqlite>,
    report: &mut (impl FnMut(&str) + Send),
) -> Result<i64, sqlx::Error> {
    report("sent");
    sqlx::query_scalar("select 1").fetch_one(tx).await
}

#[transactional]
async fn reads(tx: &mut ReadTx<'_, Sqlite>) -> sqlx::Result<()> {
    sqlx::query("select 1").execute(tx).await.map(drop)
}

#[transactional(
    isolation = serializable,
    immediate,
    retry(attempts = 3, deadline = "10s", base = "5ms", cap = "500ms"),
    idempotent,
    rollback_on(Ok(0)),
    commit_on(Err(sqlx::Error::RowNotFound) if !text.is_empty()),
)]
async fn retried(
    tx: &mut Tx<'_, Sqlite>,
    text: &str,
    mut title: String,
    (first, _): (i64, u8),
    _: u8,
) -> sqlx::Result<i64> {
    title.push_str(text);
    let length = sqlx::query_scalar("select ? + length(?)").bind(first);
    length.bind(title).fetch_one(tx).await
}

/// Rules that leave nothing over.
#[transactional(rollback_on(_))]
async fn dry(tx: &mut Tx<'_, Sqlite>) -> sqlx::Result<i64> {
    sqlx::query_scalar("select 1").fetch_one(tx).await
}

#[transactional(retry, commit_on(Ok(_) | Err(_)))]
async fn always(tx: &mut Tx<'_, Sqlite>) -> sqlx::Result<i64> {
    sqlx::query_scalar("select 1").fetch_one(tx).await
}

/// PostgreSQL's options.
///
/// # Errors
///
/// The database's.
#[transactional(
    isolation = serializable,
    deferrable,
    settings("app.user_id" = user, "app.title" = title),
    retry,
)]
pub async fn report(tx: &mut ReadTx<'_, Postgres>, user: i64, title: String) -> sqlx::Result<i64> {
    let length = sqlx::query_scalar("select $1 + length($2)").bind(user);
    length.bind(title).fetch_one(tx).await
}

macro_rules! written_by_a_macro {
    ($name:ident, $body:expr) => {
        #[transactional]
        async fn $name(tx: &mut Tx<'_, Sqlite>) -> sqlx::Result<i64> {
            let body: &str = $body;
            sqlx::query_scalar(body).fetch_one(tx).await
        }
    };
}

written_by_a_macro!(from_a_macro, "select 1");

/// A pool is what a function that is public takes.
///
/// # Errors
///
/// The database's.
#[transactional(on = pool)]
pub async fn injected(tx: &mut Tx<'_, Sqlite>, pool: &Pool<Sqlite>) -> sqlx::Result<i64> {
    sqlx::query_scalar("select 1").fetch_one(tx).await
}
