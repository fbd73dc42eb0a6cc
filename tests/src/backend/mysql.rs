//! `MySQL` and `MariaDB`.

use super::{Backend, Error, Home, on_server, text_statements};
use crate::engine::Engine;
use crate::wire::Wire;
use sqlx::{Connection, MySql, MySqlConnection, Row};

impl Backend for MySql {
    const ENGINE: Engine = Engine::MySql;
    const SCHEMA: [&'static str; 2] = [
        "create table notes (id bigint primary key, body text not null) engine = innodb",
        "create table probes (id bigint primary key) engine = innodb",
    ];

    async fn create(server: Option<&str>, name: &str) -> Result<Home, Error> {
        let server = server.expect("a server's URL").to_owned();
        let mut admin = MySqlConnection::connect(&server).await?;
        let sql = format!("create database {name} character set utf8mb4");
        Self::execute(&mut admin, &sql).await?;
        admin.close().await?;
        let url = on_server(&server, name);
        Ok(Home {
            name: name.to_owned(),
            server,
            observer: url.clone(),
            url,
            folder: None,
        })
    }

    async fn remove(home: &Home) -> Result<(), Error> {
        let mut admin = MySqlConnection::connect(&home.server).await?;
        // A session with an open transaction would keep its tables locked.
        let sql = format!(
            "select cast(id as signed) from information_schema.processlist where db = '{}'",
            home.name
        );
        for id in Self::numbers(&mut admin, &sql).await? {
            // It may have ended by itself meanwhile.
            let _ = Self::execute(&mut admin, &format!("kill {id}")).await;
        }
        Self::execute(&mut admin, "set lock_wait_timeout = 10").await?;
        Self::execute(&mut admin, &format!("drop database {}", home.name)).await?;
        admin.close().await
    }

    async fn wire(url: &str) -> Option<Wire> {
        Some(Wire::mysql(url).await)
    }

    text_statements!();

    /// Asks `InnoDB`'s monitor, because `information_schema.innodb_trx` is a copy
    /// that stays as it is while anyone reads it more often than ten times a second.
    async fn left_behind(observer: &mut MySqlConnection) -> Result<Vec<String>, Error> {
        let ours = others(observer).await?;
        let monitor = Self::texts(observer, "show engine innodb status").await?;
        Ok(active_transactions(&monitor.concat())
            .filter(|(id, _)| ours.contains(id))
            .map(|(id, what)| format!("session {id} has a transaction, {what}"))
            .collect())
    }

    async fn sessions(observer: &mut MySqlConnection) -> Result<usize, Error> {
        Ok(others(observer).await?.len())
    }

    /// `MariaDB` only: a transaction without a statement is nowhere else to be seen.
    async fn in_transaction(
        connection: &mut MySqlConnection,
        _: &mut MySqlConnection,
    ) -> Result<bool, Error> {
        let sql = "select cast(@@in_transaction as signed)";
        Ok(Self::numbers(connection, sql).await? != [0])
    }
}

/// Every session of this database but the one that asks.
async fn others(observer: &mut MySqlConnection) -> Result<Vec<i64>, Error> {
    let sql = "select cast(id as signed) from information_schema.processlist \
               where db = database() and id <> connection_id()";
    MySql::numbers(observer, sql).await
}

/// The session and the first line of each transaction that the monitor lists
/// as begun.
fn active_transactions(monitor: &str) -> impl Iterator<Item = (i64, &str)> {
    monitor.split("---TRANSACTION ").skip(1).filter_map(|text| {
        let head = text.lines().next()?;
        let (_, rest) = text.split_once("thread id ")?;
        let id = rest.split(',').next()?.trim().parse().ok()?;
        (!head.contains("not started")).then_some((id, head))
    })
}
