//! `PostgreSQL`.

use super::{Backend, Error, Home, OBSERVER, on_server, text_statements};
use crate::engine::Engine;
use crate::wire::Wire;
use sqlx::{Connection, PgConnection, Postgres, Row};

/// Every client session of this database but the observer's.
const OTHERS: &str = "from pg_stat_activity s \
    where s.datname = current_database() and s.backend_type = 'client backend' \
    and s.application_name <> 'observer'";

impl Backend for Postgres {
    const ENGINE: Engine = Engine::Postgres;
    const SCHEMA: [&'static str; 2] = [
        "create table notes (id bigint primary key, body text not null)",
        "create table probes (id bigint primary key)",
    ];

    async fn create(server: Option<&str>, name: &str) -> Result<Home, Error> {
        let server = server.expect("a server's URL").to_owned();
        let mut admin = PgConnection::connect(&server).await?;
        // Nobody can be connected to template0, so tests create side by side.
        let sql = format!("create database {name} template template0");
        Self::execute(&mut admin, &sql).await?;
        admin.close().await?;
        let url = on_server(&server, name);
        let mut observer = url::Url::parse(&url).expect("a URL");
        observer
            .query_pairs_mut()
            .append_pair("application_name", OBSERVER);
        Ok(Home {
            name: name.to_owned(),
            server,
            url,
            observer: observer.into(),
            folder: None,
        })
    }

    async fn remove(home: &Home) -> Result<(), Error> {
        let mut admin = PgConnection::connect(&home.server).await?;
        // A prepared transaction would keep the database alive, and only a
        // session of that database can end it.
        let mut inside = PgConnection::connect(&home.observer).await?;
        let prepared = "select gid from pg_prepared_xacts where database = current_database()";
        for gid in Self::texts(&mut inside, prepared).await? {
            let sql = format!("rollback prepared '{}'", gid.replace('\'', "''"));
            Self::execute(&mut inside, &sql).await?;
        }
        inside.close().await?;
        let sql = format!("drop database {} with (force)", home.name);
        Self::execute(&mut admin, &sql).await?;
        admin.close().await
    }

    async fn wire(url: &str) -> Option<Wire> {
        Some(Wire::postgres(url).await)
    }

    text_statements!();

    async fn left_behind(observer: &mut PgConnection) -> Result<Vec<String>, Error> {
        let sessions = format!(
            "select format('session %s is %s, its last statement: %s', s.pid, s.state, s.query) \
             {OTHERS} and (s.xact_start is not null or s.state like 'idle in transaction%')"
        );
        let locks = format!(
            "select format('session %s holds %s on %s', l.pid, l.mode, \
             coalesce(l.relation::regclass::text, l.locktype)) from pg_locks l \
             where l.granted and l.locktype <> 'virtualxid' and l.pid in (select s.pid {OTHERS})"
        );
        let prepared = "select format('transaction %s is prepared', gid) \
                        from pg_prepared_xacts where database = current_database()";
        let mut found = Self::texts(observer, &sessions).await?;
        found.extend(Self::texts(observer, &locks).await?);
        found.extend(Self::texts(observer, prepared).await?);
        Ok(found)
    }

    async fn sessions(observer: &mut PgConnection) -> Result<usize, Error> {
        Ok(
            Self::numbers(observer, &format!("select s.pid::bigint {OTHERS}"))
                .await?
                .len(),
        )
    }

    async fn in_transaction(
        connection: &mut PgConnection,
        observer: &mut PgConnection,
    ) -> Result<bool, Error> {
        let pid = Self::numbers(connection, "select pg_backend_pid()::bigint").await?;
        // The session reports itself idle before it answers, so what the
        // observer reads now was true after that statement.
        let sql = format!(
            "select 1::bigint from pg_stat_activity \
             where pid = {} and (xact_start is not null or state <> 'idle')",
            pid[0]
        );
        Ok(!Self::numbers(observer, &sql).await?.is_empty())
    }
}
