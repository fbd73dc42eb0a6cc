//! A database for one test.

use crate::backend::{Backend, Home};
use crate::engine::Engine;
use crate::inspect;
use crate::setup::Setup;
use crate::wire::Wire;
use sqlx::pool::PoolOptions;
use sqlx::{Connection, Error, Pool};
use sqlx_transactional::pool::take_as_is;
use std::fmt::Debug;
use std::time::Duration;
use tokio::time::timeout;

/// How long the work around a test may take, each step of it.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long a pool may take to hand out a connection or to come to rest.
pub(crate) const PROMPTLY: Duration = Duration::from_secs(2);

/// A database that nobody else uses, with the tables `notes (id, body)` and
/// `probes (id)`, the latter for the kit itself.
#[derive(Debug)]
pub struct TestDb<DB: Backend> {
    /// What the test runs on: a plain sqlx pool, with one idle connection.
    pub pool: Pool<DB>,
    /// One connection past the proxy, to see what is stored. A test that wants
    /// to keep a session of its own open connects to [`TestDb::direct_url`].
    pub observer: Pool<DB>,
    /// The proxy, when the test asked for it and the engine has a wire.
    pub wire: Option<Wire>,
    home: Home,
}

type Options<DB> = <<DB as sqlx::Database>::Connection as Connection>::Options;

impl<DB: Backend> TestDb<DB> {
    /// Creates the database and opens the pools.
    ///
    /// # Panics
    ///
    /// When the engine is not reachable, or takes more than 30 seconds.
    pub async fn start(setup: Setup) -> Self {
        let db = within("creating the database", Self::open(setup)).await;
        db.settle().await;
        if let Some(wire) = &db.wire {
            let _ = (wire.take_log(), wire.take_counts());
        }
        db
    }

    async fn open(setup: Setup) -> Result<Self, Error> {
        let name = format!("t_{}", uuid::Uuid::now_v7().simple());
        let home = DB::create(DB::ENGINE.server().as_deref(), &name).await?;
        let wire = if setup.wired {
            DB::wire(&home.url).await
        } else {
            None
        };
        let observer = PoolOptions::new()
            .max_connections(1)
            .connect(&home.observer)
            .await?;
        let mut connection = observer.acquire().await?;
        for sql in DB::SCHEMA {
            DB::execute(&mut connection, sql).await?;
        }
        drop(connection);
        let pool = PoolOptions::new()
            .max_connections(setup.connections)
            .acquire_timeout(Duration::from_secs(5))
            .connect(wire.as_ref().map_or(home.url.as_str(), Wire::url))
            .await?;
        Ok(Self {
            pool,
            observer,
            wire,
            home,
        })
    }

    /// The engine it is on.
    #[must_use]
    pub fn engine(&self) -> Engine {
        DB::ENGINE
    }

    /// The URL that [`TestDb::pool`] connects to: the proxy's, if there is one.
    #[must_use]
    pub fn url(&self) -> &str {
        self.wire.as_ref().map_or(self.home.url.as_str(), Wire::url)
    }

    /// The URL of the database itself, past the proxy.
    #[must_use]
    pub fn direct_url(&self) -> &str {
        &self.home.url
    }

    /// The options that [`TestDb::pool`] connects with.
    ///
    /// # Panics
    ///
    /// When the URL of the environment is wrong.
    #[must_use]
    pub fn options(&self) -> Options<DB> {
        self.url().parse().expect("the URL of the test database")
    }

    /// Another pool on the same database, through the same proxy. One that does not
    /// test its idle connections is like one of `sqlx_transactional::pool::connect`.
    ///
    /// # Panics
    ///
    /// When it cannot connect.
    pub async fn pool_with(&self, options: PoolOptions<DB>) -> Pool<DB> {
        let pool = within("opening a pool", options.connect(self.url())).await;
        if !pool.options().get_test_before_acquire() {
            take_as_is(&pool);
        }
        pool
    }

    /// The proxy.
    ///
    /// # Panics
    ///
    /// When the test has not asked for it, or the engine has no wire.
    #[must_use]
    pub fn wire(&self) -> &Wire {
        self.wire
            .as_ref()
            .expect("a wire: ask for it with Setup::wired(), and not on SQLite")
    }

    /// The ids of the stored notes in order, as the observer sees them.
    ///
    /// # Panics
    ///
    /// When the observer cannot read.
    pub async fn rows(&self) -> Vec<i64> {
        self.numbers("select id from notes order by id").await
    }

    /// The last column of each row as the observer sees it, a 64-bit number.
    ///
    /// # Panics
    ///
    /// When the observer cannot read.
    pub async fn numbers(&self, sql: &str) -> Vec<i64> {
        within("reading as the observer", async {
            DB::numbers(&mut *self.observer.acquire().await?, sql).await
        })
        .await
    }

    /// [`inspect::settle`] for [`TestDb::pool`].
    ///
    /// # Panics
    ///
    /// When a connection is not back within two seconds.
    pub async fn settle(&self) {
        inspect::settle(&self.pool).await;
    }

    /// [`inspect::assert_whole`] for [`TestDb::pool`].
    ///
    /// # Panics
    ///
    /// When something is wrong, with a line for each.
    pub async fn assert_whole(&self) {
        inspect::assert_whole(self, &self.pool).await;
    }

    /// Closes the pools, a bounded time each, and removes the database.
    ///
    /// # Errors
    ///
    /// What the server said, or that it took more than 30 seconds.
    pub async fn finish(self) -> Result<(), String> {
        // A pool that a failed test has wedged does not close, and is not
        // what removing the database needs.
        let _ = timeout(PROMPTLY, self.pool.close()).await;
        drop(self.wire);
        let _ = timeout(PROMPTLY, self.observer.close()).await;
        match timeout(PATIENCE, DB::remove(&self.home)).await {
            Ok(removed) => removed.map_err(|error| format!("{}: {error}", self.home.name)),
            Err(_) => Err(format!("{} could not be removed in time", self.home.name)),
        }
    }
}

/// The outcome of a step that a test rests on, but that it does not test.
async fn within<T, E: Debug>(step: &str, work: impl Future<Output = Result<T, E>>) -> T {
    timeout(PATIENCE, work)
        .await
        .unwrap_or_else(|_| panic!("{step} took more than {PATIENCE:?}"))
        .unwrap_or_else(|error| panic!("{step}: {error:?}"))
}
