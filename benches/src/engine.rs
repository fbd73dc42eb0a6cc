//! The engines, and their pools.

use std::env;

use sqlx::{
    Connection, Error, PgConnection, Pool, Postgres, Sqlite, pool::PoolOptions,
    postgres::PgConnectOptions, raw_sql,
};
use sqlx_transactional::pool::{self, Recommended};
use tokio::task::yield_now;

use crate::case::{Call, Case, Form, Settings, Subject};

/// The handlers on an engine.
pub trait Handlers: Recommended {
    /// Runs `case` `times` times, one after another.
    fn repeat(
        case: Case,
        pool: &Pool<Self>,
        times: u64,
    ) -> impl Future<Output = Result<(), Error>> + Send;

    /// Runs one transaction of `count` equal statements.
    fn many(
        form: Form,
        call: Call,
        count: u64,
        pool: &Pool<Self>,
    ) -> impl Future<Output = Result<(), Error>> + Send;

    /// The size of `case`'s future, in bytes.
    fn size(case: Case, pool: &Pool<Self>) -> usize;
}

/// An engine that is measured.
pub trait Engine: Handlers {
    /// Makes the tables anew in the database at `url`, and opens the pools.
    fn open(url: &str) -> impl Future<Output = Result<Pools<Self>, Error>> + Send;

    /// Forgets what was written, so that each measurement finds the same.
    fn clear(pool: &Pool<Self>) -> impl Future<Output = Result<(), Error>> + Send;

    /// Removes the tables.
    fn remove(pool: &Pool<Self>) -> impl Future<Output = Result<(), Error>> + Send;
}

/// Two pools on the same engine that differ in their settings only.
#[derive(Clone, Debug)]
pub struct Pools<DB: Engine> {
    default: Pool<DB>,
    recommended: Pool<DB>,
}

impl<DB: Engine> Pools<DB> {
    /// The pool that `subject` runs on.
    #[must_use]
    pub fn of(&self, subject: Subject) -> &Pool<DB> {
        match subject.settings {
            Settings::Default => &self.default,
            Settings::Recommended => &self.recommended,
        }
    }

    /// [`Engine::clear`], on both.
    ///
    /// # Errors
    ///
    /// The database's.
    pub async fn clear(&self) -> Result<(), Error> {
        DB::clear(&self.default).await?;
        DB::clear(&self.recommended).await
    }

    /// Removes the tables and closes both.
    ///
    /// # Errors
    ///
    /// The database's.
    pub async fn close(self) -> Result<(), Error> {
        DB::remove(&self.default).await?;
        self.default.close().await;
        self.recommended.close().await;
        Ok(())
    }
}

/// Waits until every connection is back in its pool: what one transaction
/// leaves to do in the background must not be measured with the next.
pub async fn settle<DB: Engine>(pool: &Pool<DB>) {
    while pool.num_idle() != pool.size() as usize {
        yield_now().await;
    }
}

/// `PostgreSQL` by its unix socket, in `TEST_POSTGRES_SOCKET_URL`. Says so on
/// stderr if there is none.
#[must_use]
pub fn postgres_socket() -> Option<String> {
    variable("TEST_POSTGRES_SOCKET_URL", "POSTGRESQL")
}

/// The same server by TCP, in `TEST_POSTGRES_URL`, to put a proxy before it.
#[must_use]
pub fn postgres_tcp() -> Option<String> {
    variable("TEST_POSTGRES_URL", "ROUND TRIPS")
}

fn variable(name: &str, what: &str) -> Option<String> {
    let value = env::var(name).ok().filter(|url| !url.is_empty());
    if value.is_none() {
        eprintln!("\n==== {what} LEFT OUT: set {name} or run under `cargo xtask servers` ====\n");
    }
    value
}

impl Engine for Sqlite {
    /// Each pool has a database of its own: in memory each reading of the URL is
    /// one, in a file the pool's name takes the place of `{}`.
    async fn open(url: &str) -> Result<Pools<Self>, Error> {
        let of = |pool| url.replace("{}", pool);
        let pools = Pools {
            default: PoolOptions::new().connect(&of("default")).await?,
            recommended: pool::connect(&of("recommended")).await?,
        };
        for pool in [&pools.default, &pools.recommended] {
            raw_sql(
                "create table accounts (id integer primary key, balance integer not null);
                 create table entries (account integer not null, amount integer not null);
                 insert into accounts values (1, 0)",
            )
            .execute(pool)
            .await?;
        }
        Ok(pools)
    }

    async fn clear(pool: &Pool<Self>) -> Result<(), Error> {
        raw_sql("delete from entries").execute(pool).await.map(drop)
    }

    /// They go with the database.
    async fn remove(_: &Pool<Self>) -> Result<(), Error> {
        Ok(())
    }
}

impl Engine for Postgres {
    async fn open(url: &str) -> Result<Pools<Self>, Error> {
        let options = quiet(Postgres::connect_options(url)?).await?;
        let mut connection = PgConnection::connect_with(&options).await?;
        raw_sql(
            "set client_min_messages = warning;
             drop schema if exists sqlx_transactional_benches cascade;
             create schema sqlx_transactional_benches;
             create unlogged table accounts (id bigint primary key, balance bigint not null);
             create unlogged table entries (account bigint not null, amount bigint not null);
             insert into accounts values (1, 0)",
        )
        .execute(&mut connection)
        .await?;
        connection.close().await?;
        let recommended = pool::options(url).connect_with(options.clone()).await?;
        // As `pool::connect` does, which knows no options but the URL's.
        pool::take_as_is(&recommended);
        Ok(Pools {
            default: PoolOptions::new().connect_with(options).await?,
            recommended,
        })
    }

    async fn clear(pool: &Pool<Self>) -> Result<(), Error> {
        raw_sql("truncate entries").execute(pool).await.map(drop)
    }

    async fn remove(pool: &Pool<Self>) -> Result<(), Error> {
        let drop_all = "drop schema sqlx_transactional_benches cascade";
        raw_sql(drop_all).execute(pool).await.map(drop)
    }
}

/// Sessions in which neither the disk nor the server's log drowns what is
/// measured. Only a superuser may decide about the log.
async fn quiet(options: PgConnectOptions) -> Result<PgConnectOptions, Error> {
    let options = options.options([
        ("search_path", "sqlx_transactional_benches"),
        ("synchronous_commit", "off"),
    ]);
    let mut connection = PgConnection::connect_with(&options).await?;
    let superuser = sqlx::query_scalar("select current_setting('is_superuser')::bool")
        .fetch_one(&mut connection)
        .await?;
    connection.close().await?;
    if superuser {
        Ok(options.options([("log_statement", "none")]))
    } else {
        Ok(options)
    }
}
