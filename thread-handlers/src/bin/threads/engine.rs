//! What the program needs of a database besides the store.

use std::time::Duration;

use sqlx::{Database, PgConnection, Postgres, Sqlite, SqliteConnection};
use thread_handlers::store::ThreadStore;

use crate::setup::{Place, SetupError};

/// A database that the program can run on.
///
/// Its text methods run on one connection and are this program's own: the
/// operations never use them.
pub(crate) trait Engine: ThreadStore {
    /// The engine's name.
    const LABEL: &'static str;
    /// Every column of every thread: id, row.
    const THREADS: &'static str;
    /// Every column of every message: id, row.
    const MESSAGES: &'static str;
    /// The code of the refusal that [`thread_handlers::faults`] causes.
    const NO_SUCH_TABLE: &'static str;
    /// The code of a foreign key that fails at COMMIT.
    const FOREIGN_KEY: &'static str;

    /// Connects to an empty place of its own on `url`.
    async fn open(url: &str) -> Result<Place<Self>, SetupError>;

    /// Whether no other connection of this program is inside a transaction.
    fn nothing_is_open(
        observer: &mut Self::Connection,
    ) -> impl Future<Output = Result<bool, sqlx::Error>> + Send;

    /// Makes a connection's answers so slow that each has to be waited for, or
    /// as fast as they were.
    fn slow(
        connection: &mut Self::Connection,
        slow: bool,
    ) -> impl Future<Output = Result<(), sqlx::Error>> + Send;

    /// Runs statements without parameters.
    fn run(
        connection: &mut Self::Connection,
        sql: &'static str,
    ) -> impl Future<Output = Result<(), sqlx::Error>> + Send;

    /// Reads one number.
    fn number(
        connection: &mut Self::Connection,
        sql: &'static str,
    ) -> impl Future<Output = Result<i64, sqlx::Error>> + Send;

    /// Reads rows of two texts.
    fn pairs(
        connection: &mut Self::Connection,
        sql: &'static str,
    ) -> impl Future<Output = Result<Vec<(String, String)>, sqlx::Error>> + Send;
}

macro_rules! texts {
    ($database:ty) => {
        async fn run(
            connection: &mut <$database as Database>::Connection,
            sql: &'static str,
        ) -> Result<(), sqlx::Error> {
            sqlx::raw_sql(sql).execute(connection).await.map(drop)
        }

        async fn number(
            connection: &mut <$database as Database>::Connection,
            sql: &'static str,
        ) -> Result<i64, sqlx::Error> {
            sqlx::query_scalar(sql).fetch_one(connection).await
        }

        async fn pairs(
            connection: &mut <$database as Database>::Connection,
            sql: &'static str,
        ) -> Result<Vec<(String, String)>, sqlx::Error> {
            sqlx::query_as(sql).fetch_all(connection).await
        }
    };
}

impl Engine for Sqlite {
    const LABEL: &'static str = "SQLite";
    const THREADS: &'static str = "
        select id, json_object(
            'owner', owner, 'title', title, 'status', status,
            'metadata', metadata, 'created_at', created_at,
            'updated_at', updated_at, 'archived_at', archived_at,
            'version', version)
        from threads order by id";
    const MESSAGES: &'static str = "
        select id, json_object(
            'thread_id', thread_id, 'seq', seq, 'role', role,
            'content', content, 'metadata', metadata,
            'created_at', created_at)
        from messages order by id";
    const NO_SUCH_TABLE: &'static str = "1";
    const FOREIGN_KEY: &'static str = "787";

    async fn open(url: &str) -> Result<Place<Self>, SetupError> {
        crate::setup::sqlite(url).await
    }

    /// Whoever is inside one has written, and then nobody else can begin to.
    async fn nothing_is_open(observer: &mut SqliteConnection) -> Result<bool, sqlx::Error> {
        Self::run(observer, "begin immediate; rollback").await?;
        Ok(true)
    }

    /// The worker's thread sleeps within each statement: otherwise it is often
    /// done before the future is polled again.
    async fn slow(connection: &mut SqliteConnection, slow: bool) -> Result<(), sqlx::Error> {
        let mut handle = connection.lock_handle().await?;
        if slow {
            handle.set_progress_handler(1, || {
                std::thread::sleep(Duration::from_micros(100));
                true
            });
        } else {
            handle.remove_progress_handler();
        }
        Ok(())
    }

    texts!(Sqlite);
}

impl Engine for Postgres {
    const LABEL: &'static str = "PostgreSQL";
    const THREADS: &'static str = "
        select id, row_to_json(threads)::text
        from threads order by id";
    const MESSAGES: &'static str = "
        select id, row_to_json(messages)::text
        from messages order by id";
    const NO_SUCH_TABLE: &'static str = "42P01";
    const FOREIGN_KEY: &'static str = "23503";

    async fn open(url: &str) -> Result<Place<Self>, SetupError> {
        crate::setup::postgres(url).await
    }

    /// The server knows.
    async fn nothing_is_open(observer: &mut PgConnection) -> Result<bool, sqlx::Error> {
        let open = "
            select count(*) from pg_stat_activity
            where application_name = current_setting('application_name')
              and state like 'idle in transaction%'";
        Ok(Self::number(observer, open).await? == 0)
    }

    /// A server's answer is always waited for.
    async fn slow(_: &mut PgConnection, _: bool) -> Result<(), sqlx::Error> {
        Ok(())
    }

    texts!(Postgres);
}
