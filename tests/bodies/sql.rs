//! What programs do in each engine's own SQL.

use crate::program::CONTROL;
use crate::walk::{Walk, call};
use futures_util::{FutureExt, StreamExt};
use sqlx::pool::PoolOptions;
use sqlx::{AssertSqlSafe, Error, Executor, MySql, Postgres, Sqlite};
use sqlx_transactional::Tx;
use sqlx_transactional::pool::Recommended;
use sqlx_transactional_tests::Backend;

/// The note that is there from the beginning.
pub(crate) const THERE: i64 = -1;

/// An engine that programs run on.
pub(crate) trait Sql: Backend + Recommended {
    /// What programs need besides `notes`: where there is such a thing, a table each
    /// row of which names one of them, which is asked at COMMIT.
    const SETUP: &'static [&'static str];

    /// A statement that fails as if another transaction had been in its way.
    const CONFLICT: &'static str;

    /// How the pool connects.
    fn options(url: &str) -> PoolOptions<Self>;

    /// Stores a note.
    fn insert(tx: &mut Tx<'_, Self>, id: i64) -> impl Future<Output = Result<(), Error>> + Send;

    /// Runs a text without parameters, which may be of several statements.
    fn text(tx: &mut Tx<'_, Self>, sql: String) -> impl Future<Output = Result<(), Error>> + Send;

    /// Takes the first result of a text and lets go of the rest.
    fn let_go(tx: &mut Tx<'_, Self>, sql: String)
    -> impl Future<Output = Result<(), Error>> + Send;

    /// Stores a note, if that is done at once; otherwise drops the statement.
    fn cut(tx: &mut Tx<'_, Self>, id: i64) -> Option<Result<(), Error>>;

    /// Begins a COPY into `notes`, and drops it.
    fn copy(connection: &mut Self::Connection) -> impl Future<Output = Result<(), Error>>;

    /// Makes the call on a connection itself.
    fn call_on(
        connection: &mut Self::Connection,
        walk: &Walk<'_, Self>,
    ) -> impl Future<Output = Result<(), Error>>;
}

/// The INSERT of a note, as a text.
pub(crate) fn insert(id: i64) -> String {
    format!("insert into notes (id, body) values ({id}, '')")
}

/// A text that begins or ends a transaction.
pub(crate) fn control(index: usize, id: i64) -> String {
    CONTROL[index].replace("{}", &insert(id))
}

macro_rules! sql {
    ($database:ty, $insert:literal, $setup:expr, $conflict:literal, $prepare:expr, |$connection:ident| $copy:expr) => {
        impl Sql for $database {
            const SETUP: &'static [&'static str] = &$setup;
            const CONFLICT: &'static str = $conflict;

            fn options(url: &str) -> PoolOptions<Self> {
                let options = sqlx_transactional::pool::options::<Self>(url).max_connections(1);
                let prepare: &'static [&'static str] = &$prepare;
                options.after_connect(move |connection, _| {
                    Box::pin(async move {
                        for sql in prepare {
                            connection.execute(*sql).await?;
                        }
                        Ok(())
                    })
                })
            }

            async fn insert(tx: &mut Tx<'_, Self>, id: i64) -> Result<(), Error> {
                sqlx::query($insert).bind(id).execute(tx).await.map(drop)
            }

            async fn text(tx: &mut Tx<'_, Self>, sql: String) -> Result<(), Error> {
                sqlx::raw_sql(AssertSqlSafe(sql))
                    .execute(tx)
                    .await
                    .map(drop)
            }

            async fn let_go(tx: &mut Tx<'_, Self>, sql: String) -> Result<(), Error> {
                let text = sqlx::raw_sql(AssertSqlSafe(sql));
                let mut results = tx.fetch_many(text);
                results.next().await.map_or(Ok(()), |first| first.map(drop))
            }

            fn cut(tx: &mut Tx<'_, Self>, id: i64) -> Option<Result<(), Error>> {
                let answer = sqlx::query($insert).bind(id).execute(tx).now_or_never();
                answer.map(|answer| answer.map(drop))
            }

            async fn copy($connection: &mut Self::Connection) -> Result<(), Error> {
                $copy
            }

            async fn call_on(
                connection: &mut Self::Connection,
                walk: &Walk<'_, Self>,
            ) -> Result<(), Error> {
                call(connection, walk).await
            }
        }
    };
}

sql!(
    Sqlite,
    "insert into notes (id, body) values (?, '')",
    ["create table children (id integer primary key, \
         parent integer references notes (id) deferrable initially deferred)"],
    "select no_conflict()",
    ["pragma synchronous = off", "pragma busy_timeout = 0"],
    |_connection| unreachable!("there is no COPY")
);
sql!(
    Postgres,
    "insert into notes (id, body) values ($1, '')",
    [
        "create table children (id bigint primary key, \
         parent bigint references notes (id) deferrable initially deferred)",
        "create function meet_another() returns void language plpgsql as $$ \
         begin raise exception 'met another' using errcode = '40001'; end $$"
    ],
    "select meet_another()",
    ["set synchronous_commit = off"],
    |connection| {
        let mut copy = connection
            .copy_in_raw("copy notes (id, body) from stdin")
            .await?;
        copy.send(b"0\tcopied\n".as_slice()).await?;
        Ok(())
    }
);
sql!(
    MySql,
    "insert into notes (id, body) values (?, '')",
    [],
    "signal sqlstate '40001' set mysql_errno = 1213, message_text = 'met another'",
    [],
    |_connection| unreachable!("there is no COPY")
);
