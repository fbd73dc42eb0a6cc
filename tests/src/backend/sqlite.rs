//! `SQLite`, in a file.

use super::{Backend, Error, Home, text_statements};
use crate::engine::Engine;
use crate::wire::Wire;
use sqlx::{Row, Sqlite, SqliteConnection};

impl Backend for Sqlite {
    const ENGINE: Engine = Engine::Sqlite;
    const SCHEMA: [&'static str; 2] = [
        "create table notes (id integer primary key, body text not null)",
        "create table probes (id integer primary key)",
    ];

    async fn create(_: Option<&str>, name: &str) -> Result<Home, Error> {
        let folder = tempfile::Builder::new().prefix(name).tempdir()?;
        let file = folder.path().join("test.db");
        let url = format!("sqlite://{}?mode=rwc", file.display());
        let mut connection = <SqliteConnection as sqlx::Connection>::connect(&url).await?;
        // The mode is kept in the file.
        Self::execute(&mut connection, "pragma journal_mode = wal").await?;
        sqlx::Connection::close(connection).await?;
        Ok(Home {
            name: name.to_owned(),
            server: String::new(),
            observer: url.clone(),
            url,
            folder: Some(folder),
        })
    }

    async fn remove(home: &Home) -> Result<(), Error> {
        match &home.folder {
            Some(folder) => Ok(std::fs::remove_dir_all(folder.path())?),
            None => Ok(()),
        }
    }

    async fn wire(_: &str) -> Option<Wire> {
        None
    }

    text_statements!();

    async fn left_behind(observer: &mut SqliteConnection) -> Result<Vec<String>, Error> {
        Self::execute(observer, "pragma busy_timeout = 0").await?;
        let mut found = Vec::new();
        match Self::execute(observer, "begin immediate").await {
            Ok(()) => Self::execute(observer, "rollback").await?,
            Err(error) => found.push(format!("a second connection cannot write: {error}")),
        }
        Self::execute(observer, "pragma busy_timeout = 5000").await?;
        Ok(found)
    }

    async fn sessions(_: &mut SqliteConnection) -> Result<usize, Error> {
        Ok(0)
    }

    async fn in_transaction(
        connection: &mut SqliteConnection,
        _: &mut SqliteConnection,
    ) -> Result<bool, Error> {
        // Only a connection outside a transaction can begin one.
        if Self::execute(connection, "begin").await.is_err() {
            return Ok(true);
        }
        Self::execute(connection, "rollback").await?;
        Ok(false)
    }
}
