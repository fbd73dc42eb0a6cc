//! Pools with the settings that serve transactions best.
//!
//! Any sqlx pool is a place to begin. These differ from sqlx's defaults in that
//! a connection is not tested before it is used, which saves a round trip for
//! each transaction: a transaction that meets a connection which died while it
//! was idle begins on the next one instead. Code that takes connections from
//! such a pool without a transaction has no such defence. A pool of [`connect`]
//! also has its idle connections [taken as they are](take_as_is).
//!
//! | engine | besides |
//! |---|---|
//! | PostgreSQL | `sslmode=verify-full` for a host that is not this machine, unless the URL says otherwise |
//! | MySQL, MariaDB | `ssl-mode=VERIFY_IDENTITY`, likewise |
//! | SQLite | write-ahead log, foreign keys checked, 5 s to wait for a lock; a database in memory keeps its one connection for ever |

use sqlx::{Connection, Database, Pool, pool::PoolOptions};

use crate::pools;

/// An engine whose best settings are known: PostgreSQL, MySQL and SQLite.
/// Sealed.
pub trait Recommended: Database + sealed::Sealed {
    /// How to connect to `url`.
    ///
    /// # Errors
    ///
    /// [`sqlx::Error::Configuration`] for a URL that cannot be read.
    fn connect_options(url: &str)
    -> Result<<Self::Connection as Connection>::Options, sqlx::Error>;

    #[doc(hidden)]
    #[must_use]
    fn pool_options(url: &str) -> PoolOptions<Self> {
        let _ = url;
        PoolOptions::new().test_before_acquire(false)
    }
}

mod sealed {
    pub trait Sealed {}
}

/// Opens a pool on `url` and connects once.
///
/// For other sizes and timeouts, use [`options`],
/// [`Recommended::connect_options`] and [`take_as_is`].
///
/// ```no_run
/// # async fn run() -> Result<(), sqlx::Error> {
/// let pool = sqlx_transactional::pool::connect::<sqlx::Sqlite>("sqlite://app.db?mode=rwc").await?;
/// # let _ = pool; Ok(())
/// # }
/// ```
///
/// # Errors
///
/// [`sqlx::Error::Configuration`] for a URL that cannot be read; otherwise
/// whatever keeps the first connection from being made.
pub async fn connect<DB: Recommended>(url: &str) -> Result<Pool<DB>, sqlx::Error> {
    let connect = DB::connect_options(url)?;
    let pool = options(url).connect_with(connect).await?;
    take_as_is(&pool);
    Ok(pool)
}

/// The options of such a pool on `url`, to be changed and connected with
/// [`Recommended::connect_options`].
#[must_use]
pub fn options<DB: Recommended>(url: &str) -> PoolOptions<DB> {
    DB::pool_options(url)
}

/// Has transactions take the idle connections of `pool` as they are.
///
/// sqlx asks `test_before_acquire` and `before_acquire` of the pool's options
/// before it gives an idle connection, and prepares for both each time. Once this
/// was called, a transaction asks neither, as long as the pool lives and its
/// [connect options](Pool::set_connect_options) are not replaced. A pool of
/// [`connect`] has nothing to be asked, and needs no call.
///
/// ```no_run
/// use sqlx::Postgres;
/// use sqlx_transactional::pool::{self, Recommended};
///
/// # async fn run(url: &str) -> Result<(), sqlx::Error> {
/// let options = pool::options::<Postgres>(url).max_connections(50);
/// let pool = options.connect_with(Postgres::connect_options(url)?).await?;
/// pool::take_as_is(&pool);
/// # Ok(())
/// # }
/// ```
pub fn take_as_is<DB: Database>(pool: &Pool<DB>) {
    pools::note(pool, |entry| entry.take_as_they_are(pool));
}

/// Sets the progress handler of a SQLite connection, so that transactions with a time
/// limit keep it.
///
/// SQLite has one progress handler for each connection, and a transaction with a `timeout`
/// or a `statement_timeout` needs it: it replaces one that was set with
/// [`LockedSqliteHandle::set_progress_handler`](sqlx::sqlite::LockedSqliteHandle::set_progress_handler),
/// for as long as the connection is open. One that is set here is asked as before, and a
/// statement whose time is over is ended behind it.
///
/// `handler` is called about every `steps` instructions of SQLite's virtual machine, in the
/// connection's own thread, and interrupts the statement by returning `false`
/// (<https://sqlite.org/c3ref/progress_handler.html>). More than some 10,000 steps end a
/// statement late; fewer than 100 are taken for 100. The connection gets a collation of this
/// crate's besides, `sqlx_transactional_lowers`.
///
/// ```no_run
/// use sqlx::{Sqlite, sqlite::SqlitePoolOptions};
/// use sqlx_transactional::pool::{self, Recommended};
///
/// # async fn run(url: &str) -> Result<(), sqlx::Error> {
/// let options = pool::options::<Sqlite>(url).after_connect(|connection, _| {
///     Box::pin(pool::progress_handler(connection, 1_000, || true))
/// });
/// let pool = options.connect_with(Sqlite::connect_options(url)?).await?;
/// # let _ = pool; Ok(())
/// # }
/// ```
///
/// # Errors
///
/// [`sqlx::Error::WorkerCrashed`] when the connection's thread is gone.
#[cfg(feature = "sqlite")]
pub async fn progress_handler(
    connection: &mut sqlx::SqliteConnection,
    steps: i32,
    handler: impl FnMut() -> bool + Send + 'static,
) -> Result<(), sqlx::Error> {
    crate::backend::progress_handler(connection, steps, handler).await
}

#[cfg(feature = "postgres")]
mod postgres {
    use super::{Recommended, is_local, names, sealed};
    use sqlx::{
        Postgres,
        postgres::{PgConnectOptions, PgSslMode},
    };

    impl sealed::Sealed for Postgres {}

    impl Recommended for Postgres {
        fn connect_options(url: &str) -> Result<PgConnectOptions, sqlx::Error> {
            let options: PgConnectOptions = url.parse()?;
            let local = options.get_socket().is_some() || is_local(options.get_host());
            if local || names(&["sslmode", "ssl-mode"], url) {
                return Ok(options);
            }
            Ok(options.ssl_mode(PgSslMode::VerifyFull))
        }
    }
}

#[cfg(feature = "mysql")]
mod mysql {
    use super::{Recommended, is_local, names, sealed};
    use sqlx::{
        MySql,
        mysql::{MySqlConnectOptions, MySqlSslMode},
    };

    impl sealed::Sealed for MySql {}

    impl Recommended for MySql {
        fn connect_options(url: &str) -> Result<MySqlConnectOptions, sqlx::Error> {
            let options: MySqlConnectOptions = url.parse()?;
            let local = options.get_socket().is_some() || is_local(options.get_host());
            if local || names(&["sslmode", "ssl-mode"], url) {
                return Ok(options);
            }
            Ok(options.ssl_mode(MySqlSslMode::VerifyIdentity))
        }
    }
}

#[cfg(feature = "sqlite")]
mod sqlite {
    use std::time::Duration;

    use super::{PoolOptions, Recommended, sealed};
    use sqlx::{
        Sqlite,
        sqlite::{SqliteConnectOptions, SqliteJournalMode},
    };

    impl sealed::Sealed for Sqlite {}

    impl Recommended for Sqlite {
        fn connect_options(url: &str) -> Result<SqliteConnectOptions, sqlx::Error> {
            let options: SqliteConnectOptions = url.parse()?;
            let options = options
                .foreign_keys(true)
                .busy_timeout(Duration::from_secs(5));
            if is_in_memory(url) {
                return Ok(options);
            }
            Ok(options.journal_mode(SqliteJournalMode::Wal))
        }

        fn pool_options(url: &str) -> PoolOptions<Self> {
            let pool = PoolOptions::new().test_before_acquire(false);
            if is_in_memory(url) {
                // The database lives as long as its connection.
                return pool
                    .max_connections(1)
                    .min_connections(1)
                    .idle_timeout(None)
                    .max_lifetime(None);
            }
            pool
        }
    }

    /// As sqlx reads a URL: `sqlite::memory:`, or `mode=memory` in the query.
    fn is_in_memory(url: &str) -> bool {
        url.contains(":memory:") || url.contains("mode=memory")
    }

    #[cfg(test)]
    mod tests {
        use super::Sqlite;
        use crate::{
            pool::{Recommended, connect, options},
            pools::known,
        };

        #[tokio::test]
        async fn one_that_was_opened_here_is_taken_as_it_is() {
            let url = "sqlite::memory:";
            let opened = connect::<Sqlite>(url).await.unwrap();
            assert!(known(&opened).as_they_are);
            let by_hand = options::<Sqlite>(url).connect(url).await.unwrap();
            assert!(!known(&by_hand).as_they_are);
            opened.set_connect_options(Sqlite::connect_options(url).unwrap());
            assert!(!known(&opened).as_they_are);
        }

        #[test]
        fn only_a_database_in_memory_lives_on_one_connection() {
            for url in ["sqlite::memory:", "sqlite://app?mode=memory"] {
                let pool = options::<Sqlite>(url);
                let connections = (pool.get_min_connections(), pool.get_max_connections());
                assert_eq!(connections, (1, 1), "{url}");
                let ends = (pool.get_idle_timeout(), pool.get_max_lifetime());
                assert_eq!(ends, (None, None), "{url}");
            }
            for url in ["sqlite://app.db", "sqlite:memory.db?mode=rwc"] {
                let pool = options::<Sqlite>(url);
                assert!(pool.get_max_connections() > 1, "{url}");
                assert!(pool.get_max_lifetime().is_some(), "{url}");
            }
        }
    }
}

#[cfg(any(feature = "postgres", feature = "mysql"))]
/// Whether a host is this machine.
fn is_local(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || host.starts_with('/')
        || host
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

#[cfg(any(feature = "postgres", feature = "mysql"))]
/// Whether a URL's query has one of `keys`.
fn names(keys: &[&str], url: &str) -> bool {
    let query = url.split_once('?').map_or("", |(_, query)| query);
    query
        .split('&')
        .any(|pair| keys.iter().any(|key| pair.starts_with(key)))
}

#[cfg(all(test, feature = "postgres"))]
mod tests {
    use super::{is_local, names};

    #[test]
    fn this_machine_is_told_from_others() {
        for host in [
            "localhost",
            "127.0.0.1",
            "127.8.8.8",
            "::1",
            "[::1]",
            "/run/socket",
        ] {
            assert!(is_local(host), "{host}");
        }
        for host in [
            "db",
            "10.0.0.1",
            "localhost.example",
            "::2",
            "run/socket",
            "",
        ] {
            assert!(!is_local(host), "{host}");
        }
    }

    #[test]
    fn what_a_url_asks_for_is_in_its_query() {
        let keys = ["sslmode", "ssl-mode"];
        assert!(names(&keys, "postgres://db/app?sslmode=disable"));
        assert!(names(
            &keys,
            "mysql://db/app?charset=utf8mb4&ssl-mode=DISABLED"
        ));
        for url in [
            "postgres://db/app",
            "postgres://sslmode/app",
            "mysql://db/app?a=sslmode",
        ] {
            assert!(!names(&keys, url), "{url}");
        }
    }
}
