//! What a client does with a new server.

use crate::engine::Engine;
use sqlx::{AssertSqlSafe, Connection, Error, MySqlConnection, PgConnection};

/// The database on the server.
const DATABASE: &str = "transactional";

/// Where clients connect to.
pub(super) fn url(engine: Engine, port: u16) -> String {
    url_of(engine, port, DATABASE)
}

/// Connects once, to a database that is there from the beginning.
pub(super) async fn greet(engine: Engine, port: u16) -> Result<(), Error> {
    run(engine, port, None).await
}

/// Makes the database.
pub(super) async fn create(engine: Engine, port: u16) -> Result<(), String> {
    let sql = format!("create database {DATABASE}");
    let created = run(engine, port, Some(sql)).await;
    created.map_err(|error| format!("no database: {error}"))
}

async fn run(engine: Engine, port: u16, sql: Option<String>) -> Result<(), Error> {
    let sql = AssertSqlSafe(sql.unwrap_or_else(|| "select 1".to_owned()));
    if engine == Engine::MySql {
        let mut admin = MySqlConnection::connect(&url_of(engine, port, "mysql")).await?;
        sqlx::raw_sql(sql).execute(&mut admin).await?;
        admin.close().await
    } else {
        let mut admin = PgConnection::connect(&url_of(engine, port, "postgres")).await?;
        sqlx::raw_sql(sql).execute(&mut admin).await?;
        admin.close().await
    }
}

fn url_of(engine: Engine, port: u16, database: &str) -> String {
    let (scheme, user) = match engine {
        Engine::MySql => ("mysql", "root"),
        _ => ("postgres", "postgres"),
    };
    format!("{scheme}://{user}@127.0.0.1:{port}/{database}")
}
