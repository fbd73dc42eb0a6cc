//! What the kit needs from each engine, in that engine's own SQL.

mod mysql;
mod postgres;
mod sqlite;

use crate::engine::Engine;
use crate::wire::Wire;
use sqlx::{Database, Error};
use std::future::Future;
use tempfile::TempDir;

/// The name under which the observer's sessions are known to the server.
pub(crate) const OBSERVER: &str = "observer";

/// An engine that tests run on.
pub trait Backend: Database {
    /// Which one.
    const ENGINE: Engine;

    /// The tables of every test database.
    const SCHEMA: [&'static str; 2];

    /// Creates a database and says where it is.
    fn create(server: Option<&str>, name: &str) -> impl Future<Output = Result<Home, Error>>;

    /// Ends every session of the database and removes it.
    fn remove(home: &Home) -> impl Future<Output = Result<(), Error>>;

    /// A proxy in front of the database, if it is behind a wire at all.
    fn wire(url: &str) -> impl Future<Output = Option<Wire>>;

    /// Runs one text statement without parameters.
    fn execute(
        connection: &mut Self::Connection,
        sql: &str,
    ) -> impl Future<Output = Result<(), Error>> + Send;

    /// The last column of each row of a text statement, a whole number.
    fn numbers(
        connection: &mut Self::Connection,
        sql: &str,
    ) -> impl Future<Output = Result<Vec<i64>, Error>> + Send;

    /// The last column of each row of a text statement, a text.
    fn texts(
        connection: &mut Self::Connection,
        sql: &str,
    ) -> impl Future<Output = Result<Vec<String>, Error>> + Send;

    /// What the sessions of this database hold on to at this moment, except
    /// those of the observer, whose connection this is: a sentence for each.
    fn left_behind(
        observer: &mut Self::Connection,
    ) -> impl Future<Output = Result<Vec<String>, Error>> + Send;

    /// How many sessions the server has for this database, those of the
    /// observer left out; 0 where sessions are not known to anyone.
    fn sessions(
        observer: &mut Self::Connection,
    ) -> impl Future<Output = Result<usize, Error>> + Send;

    /// Whether the server says that this connection, which nobody uses, is
    /// inside a transaction.
    fn in_transaction(
        connection: &mut Self::Connection,
        observer: &mut Self::Connection,
    ) -> impl Future<Output = Result<bool, Error>> + Send;
}

/// Where a test database is.
#[derive(Debug)]
pub struct Home {
    pub(crate) name: String,
    /// The server's own URL, for creating and removing.
    pub(crate) server: String,
    /// The database, without a proxy.
    pub(crate) url: String,
    /// The same for the observer.
    pub(crate) observer: String,
    /// The folder of a file database, removed when this is dropped.
    pub(crate) folder: Option<TempDir>,
}

/// The three ways to run a text statement; `sqlx::Executor` cannot be asked
/// for by a function that is generic over the database.
macro_rules! text_statements {
    () => {
        async fn execute(connection: &mut Self::Connection, sql: &str) -> Result<(), Error> {
            let sql = sqlx::AssertSqlSafe(sql.to_owned());
            sqlx::raw_sql(sql).execute(connection).await.map(drop)
        }

        async fn numbers(connection: &mut Self::Connection, sql: &str) -> Result<Vec<i64>, Error> {
            let sql = sqlx::AssertSqlSafe(sql.to_owned());
            let rows = sqlx::raw_sql(sql).fetch_all(connection).await?;
            rows.iter().map(|row| row.try_get(row.len() - 1)).collect()
        }

        async fn texts(connection: &mut Self::Connection, sql: &str) -> Result<Vec<String>, Error> {
            let sql = sqlx::AssertSqlSafe(sql.to_owned());
            let rows = sqlx::raw_sql(sql).fetch_all(connection).await?;
            rows.iter().map(|row| row.try_get(row.len() - 1)).collect()
        }
    };
}
pub(crate) use text_statements;

/// The URL of database `name` on the same server.
pub(crate) fn on_server(server: &str, name: &str) -> String {
    let mut url = url::Url::parse(server).expect("the URL of a server");
    url.set_path(name);
    url.into()
}
