//! A place of the program's own in the database it is given.

use std::{io, path::Path, time::Duration};

use sqlx::{
    AssertSqlSafe, Connection, Database, PgConnection, Pool, Postgres, Sqlite,
    migrate::MigrateError, pool::PoolOptions, postgres::PgConnectOptions,
    sqlite::SqliteConnectOptions,
};
use sqlx_transactional::pool::Recommended;
use tempfile::TempDir;

use crate::engine::Engine;

/// How long a server may take to answer at all.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where the program works.
#[derive(Debug)]
pub(crate) struct Place<DB: Database> {
    /// The one connection that the operations run on: whatever is not given
    /// back is missed at once.
    pub(crate) pool: Pool<DB>,
    /// The one connection that looks at what they have done.
    pub(crate) observer: Pool<DB>,
    /// Where this is, for the heading.
    pub(crate) label: String,
    leftover: Leftover,
}

/// What has to go when the program ends.
#[derive(Debug)]
enum Leftover {
    /// A directory, which goes with the value.
    Directory { _directory: TempDir },
    /// A schema on the server.
    Schema(Box<PgConnectOptions>, String),
    /// The file that the user named stays.
    Nothing,
}

/// Why the program cannot start. The text is one line.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SetupError {
    #[error("not a database URL: it must begin with sqlite: or postgres:")]
    Scheme,
    #[error("this database URL cannot be read: {0}")]
    Url(String),
    #[error("a database in memory has one connection only, and this needs two: name a file")]
    InMemory,
    #[error("{0} exists already: name a file that does not")]
    Exists(String),
    #[error("cannot open {place}: {why}")]
    Open { place: String, why: String },
    #[error("cannot make a temporary directory: {0}")]
    TempDir(io::Error),
    #[error("the data file is damaged: {0}")]
    Data(#[from] serde_json::Error),
}

/// The tables that the program itself needs beside those of the store: one to
/// prove that the pool can still write, and two whose foreign key is checked at
/// COMMIT only.
const FIXTURES: &str = "
    create table demo_probe (writes bigint not null);
    insert into demo_probe values (0);
    create table demo_parent (id integer primary key);
    create table demo_child (
        parent integer references demo_parent (id) deferrable initially deferred
    );";

/// An SQLite database in a directory that goes when the program ends.
pub(crate) async fn temporary() -> Result<Place<Sqlite>, SetupError> {
    let directory = tempfile::Builder::new()
        .prefix("threads-")
        .tempdir()
        .map_err(SetupError::TempDir)?;
    let path = directory.path().join("threads.db");
    let connect = connect_options::<Sqlite>("sqlite:threads.db")?.filename(&path);
    let mut place = open_file(&path, connect).await?;
    "an embedded database in a temporary file".clone_into(&mut place.label);
    place.leftover = Leftover::Directory {
        _directory: directory,
    };
    Ok(place)
}

/// The SQLite database in the file that the URL names, which must be new.
pub(crate) async fn sqlite(url: &str) -> Result<Place<Sqlite>, SetupError> {
    let connect = connect_options::<Sqlite>(url)?;
    if [":memory:", "mode=memory"]
        .iter()
        .any(|word| url.contains(word))
    {
        return Err(SetupError::InMemory);
    }
    let path = connect.get_filename().to_owned();
    if path.as_os_str().is_empty() {
        return Err(SetupError::Url("it names no file".to_owned()));
    }
    // Whatever is there belongs to somebody.
    if std::fs::metadata(&path).is_ok_and(|found| found.is_dir() || found.len() > 0) {
        return Err(SetupError::Exists(path.display().to_string()));
    }
    open_file(&path, connect).await
}

async fn open_file(
    path: &Path,
    connect: SqliteConnectOptions,
) -> Result<Place<Sqlite>, SetupError> {
    let label = path.display().to_string();
    let connect = connect.create_if_missing(true);
    ready(label.clone(), &connect, Leftover::Nothing)
        .await
        .map_err(|error| SetupError::open(label, &error))
}

/// A schema of its own on the server that the URL names, dropped at the end.
pub(crate) async fn postgres(url: &str) -> Result<Place<Postgres>, SetupError> {
    let connect = connect_options::<Postgres>(url)?;
    let server = match connect.get_socket() {
        Some(socket) => socket.display().to_string(),
        None => format!("{}:{}", connect.get_host(), connect.get_port()),
    };
    let schema = format!("threads_{}", uuid::Uuid::now_v7().simple());
    let connect = connect.application_name(&schema);
    let opened = async {
        in_admin(&connect, format!("create schema {schema}")).await?;
        let leftover = Leftover::Schema(Box::new(connect.clone()), schema.clone());
        let own = connect.clone().options([("search_path", &schema)]);
        ready(format!("{server}, schema {schema}"), &own, leftover).await
    };
    opened
        .await
        .map_err(|error| SetupError::open(server.clone(), &error))
}

fn connect_options<DB: Recommended>(
    url: &str,
) -> Result<<DB::Connection as Connection>::Options, SetupError> {
    DB::connect_options(url).map_err(|error| match error {
        sqlx::Error::Configuration(why) => SetupError::Url(one_line(&why.to_string())),
        other => SetupError::Url(one_line(&other.to_string())),
    })
}

/// Opens both pools and makes all tables. A place that cannot be made ready is
/// cleared up.
async fn ready<DB: Engine>(
    label: String,
    connect: &<DB::Connection as Connection>::Options,
    leftover: Leftover,
) -> Result<Place<DB>, sqlx::Error> {
    let opened = async {
        let pool = pool_of_one::<DB>(connect).await?;
        let observer = pool_of_one::<DB>(connect).await?;
        DB::migrate(&pool).await.map_err(|error| match error {
            MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => error,
            other => sqlx::Error::Migrate(Box::new(other)),
        })?;
        let mut connection = pool.acquire().await?;
        DB::run(&mut connection, FIXTURES).await?;
        drop(connection);
        Ok((pool, observer))
    };
    match opened.await {
        Ok((pool, observer)) => Ok(Place {
            pool,
            observer,
            label,
            leftover,
        }),
        Err(error) => {
            leftover.clear().await;
            Err(error)
        }
    }
}

async fn pool_of_one<DB: Engine>(
    connect: &<DB::Connection as Connection>::Options,
) -> Result<Pool<DB>, sqlx::Error> {
    PoolOptions::new()
        .test_before_acquire(false)
        .max_connections(1)
        .acquire_timeout(PATIENCE)
        .connect_with(connect.clone())
        .await
}

/// Runs one statement on a connection of its own. The schema's name in it is
/// made of letters and digits by this program.
async fn in_admin(connect: &PgConnectOptions, sql: String) -> Result<(), sqlx::Error> {
    let work = async {
        let mut connection = PgConnection::connect_with(connect).await?;
        sqlx::raw_sql(AssertSqlSafe(sql))
            .execute(&mut connection)
            .await?;
        connection.close().await
    };
    tokio::time::timeout(PATIENCE, work)
        .await
        .unwrap_or(Err(sqlx::Error::PoolTimedOut))
}

impl<DB: Database> Place<DB> {
    /// Leaves the database as it was found.
    pub(crate) async fn close(self) {
        // A connection that was lost on the way must not keep the rest from going.
        let closed = async {
            self.pool.close().await;
            self.observer.close().await;
        };
        let _ = tokio::time::timeout(PATIENCE, closed).await;
        self.leftover.clear().await;
    }
}

impl Leftover {
    async fn clear(self) {
        if let Self::Schema(connect, schema) = self {
            let dropped = in_admin(&connect, format!("drop schema {schema} cascade")).await;
            if dropped.is_err() {
                anstream::eprintln!("the schema {schema} could not be dropped");
            }
        }
    }
}

impl SetupError {
    fn open(place: String, error: &sqlx::Error) -> Self {
        let why = match error {
            sqlx::Error::Database(database) => database.message().to_owned(),
            sqlx::Error::PoolTimedOut => format!("no answer in {} seconds", PATIENCE.as_secs()),
            sqlx::Error::Io(error) => error.to_string(),
            other => other.to_string(),
        };
        Self::Open {
            place,
            why: one_line(&why),
        }
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
