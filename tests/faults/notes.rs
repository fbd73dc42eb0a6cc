//! The statements that the faults meet, in each engine's own SQL.

use futures_util::stream::BoxStream;
use sqlx::{AssertSqlSafe, Database, MySql, Postgres, Sqlite, SqliteConnection};
use sqlx_transactional::{ReadTx, Tx, pool::Recommended};
use sqlx_transactional_tests::{Backend, TestDb};

/// Results on their way.
pub(crate) type Rows<'t, DB> = BoxStream<'t, sqlx::Result<<DB as Database>::Row>>;

/// What the tests do with the table `notes`. `sqlx::Executor` cannot be asked
/// for by a function that is generic over the database, so they ask for this.
pub(crate) trait Notes: Backend + Recommended {
    /// Stores a note; the text is the same each time, so the connection may
    /// have the statement prepared.
    const INSERT: &'static str;

    /// What begins a transaction that writes.
    const BEGIN: &'static str;

    /// What begins a transaction that only reads.
    const BEGIN_READ: &'static str;

    /// Stores a note.
    fn insert(tx: &mut Tx<'_, Self>, id: i64) -> impl Future<Output = sqlx::Result<()>> + Send;

    /// Stores a note with a text that no connection has seen before, so that it
    /// has to be prepared first.
    fn insert_cold(tx: &mut Tx<'_, Self>, id: i64)
    -> impl Future<Output = sqlx::Result<()>> + Send;

    /// Runs a text statement, as it is.
    fn run(tx: &mut Tx<'_, Self>, sql: &str) -> impl Future<Output = sqlx::Result<()>> + Send;

    /// Stores a note past the handle.
    fn insert_on(
        connection: &mut Self::Connection,
        id: i64,
    ) -> impl Future<Output = sqlx::Result<()>> + Send;

    /// [`Notes::insert_cold`] past the handle.
    fn insert_cold_on(
        connection: &mut Self::Connection,
        id: i64,
    ) -> impl Future<Output = sqlx::Result<()>> + Send;

    /// Runs a text of any statements past the proxy.
    fn run_on(db: &TestDb<Self>, sql: &'static str) -> impl Future<Output = ()>;

    /// How many notes there are.
    fn count(tx: &mut ReadTx<'_, Self>) -> impl Future<Output = sqlx::Result<i64>> + Send;

    /// Makes each step of the engine take long enough to be waited for.
    fn slow_down(
        connection: &mut Self::Connection,
    ) -> impl Future<Output = sqlx::Result<()>> + Send {
        let _ = connection;
        std::future::ready(Ok(()))
    }

    /// A statement that takes so many seconds, or somewhat longer.
    fn linger(tx: &mut Tx<'_, Self>, seconds: u32)
    -> impl Future<Output = sqlx::Result<()>> + Send;

    /// The results of a query for so many rows.
    fn rows<'t>(tx: &'t mut Tx<'_, Self>, rows: u32) -> Rows<'t, Self>;
}

/// A text of its own for each note. It has a parameter, of which `MySQL` tells in
/// messages of their own when it is prepared.
pub(crate) fn cold<DB: Notes>(id: i64) -> AssertSqlSafe<String> {
    AssertSqlSafe(DB::INSERT.replace("warm", &format!("cold {id}")))
}

macro_rules! notes {
    ($database:ty, $insert:literal, $begin:literal, $begin_read:literal, $linger:literal $(, $more:item)?) => {
        impl Notes for $database {
            $($more)?

            const INSERT: &'static str = $insert;
            const BEGIN: &'static str = $begin;
            const BEGIN_READ: &'static str = $begin_read;

            async fn insert(tx: &mut Tx<'_, Self>, id: i64) -> sqlx::Result<()> {
                sqlx::query($insert).bind(id).execute(tx).await.map(drop)
            }

            async fn insert_cold(tx: &mut Tx<'_, Self>, id: i64) -> sqlx::Result<()> {
                sqlx::query(cold::<Self>(id)).bind(id).execute(tx).await.map(drop)
            }

            async fn run(tx: &mut Tx<'_, Self>, sql: &str) -> sqlx::Result<()> {
                let sql = AssertSqlSafe(sql.to_owned());
                sqlx::raw_sql(sql).execute(tx).await.map(drop)
            }

            async fn insert_on(connection: &mut Self::Connection, id: i64) -> sqlx::Result<()> {
                let insert = sqlx::query($insert).bind(id);
                insert.execute(connection).await.map(drop)
            }

            async fn insert_cold_on(
                connection: &mut Self::Connection,
                id: i64,
            ) -> sqlx::Result<()> {
                let insert = sqlx::query(cold::<Self>(id)).bind(id);
                insert.execute(connection).await.map(drop)
            }

            async fn run_on(db: &TestDb<Self>, sql: &'static str) {
                sqlx::raw_sql(sql).execute(&db.observer).await.expect("no fault is near");
            }

            async fn count(tx: &mut ReadTx<'_, Self>) -> sqlx::Result<i64> {
                let count = sqlx::query_scalar("select count(*) from notes");
                count.fetch_one(tx).await
            }

            async fn linger(tx: &mut Tx<'_, Self>, seconds: u32) -> sqlx::Result<()> {
                sqlx::query($linger).bind(f64::from(seconds)).execute(tx).await.map(drop)
            }

            fn rows<'t>(tx: &'t mut Tx<'_, Self>, rows: u32) -> Rows<'t, Self> {
                let sql = format!(
                    "with recursive n (i) as (\
                         select 1 union all select i + 1 from n where i < {rows}\
                     ) select i from n"
                );
                sqlx::query(AssertSqlSafe(sql)).fetch(tx)
            }
        }
    };
}

notes!(
    Sqlite,
    "insert into notes (id, body) values (?, 'warm')",
    "BEGIN IMMEDIATE",
    "PRAGMA query_only = 1; BEGIN DEFERRED",
    // A few million rows a second; nothing in SQLite can sleep.
    "with recursive n (i) as (select 1 union all select i + 1 from n where i < ? * 1000000) \
     select max(i) from n",
    /// A call into a thread of the same process is often answered before the
    /// first poll.
    async fn slow_down(connection: &mut SqliteConnection) -> sqlx::Result<()> {
        let mut handle = connection.lock_handle().await?;
        handle.set_progress_handler(1, || {
            std::thread::sleep(std::time::Duration::from_micros(50));
            true
        });
        Ok(())
    }
);
notes!(
    Postgres,
    "insert into notes (id, body) values ($1, 'warm')",
    "BEGIN",
    "BEGIN READ ONLY",
    "select pg_sleep($1)"
);
notes!(
    MySql,
    "insert into notes (id, body) values (?, 'warm')",
    "START TRANSACTION",
    "START TRANSACTION READ ONLY",
    "select sleep(?)"
);
