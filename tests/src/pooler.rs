//! A pooler in front of `PostgreSQL`, in transaction mode: each transaction has
//! whichever of its few sessions is free.

use crate::database::TestDb;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{PgPool, Postgres};
use std::env;
use std::io::Write;
use std::sync::Once;

/// The variable with its URL.
const VARIABLE: &str = "TEST_PGBOUNCER_URL";

/// What `TEST_ENGINES` calls it.
pub(crate) const NAME: &str = "pgbouncer";

/// The URL of a test's database behind the pooler. When there is none, says so once
/// on stderr, past the capture of the test harness.
///
/// # Panics
///
/// When there is none although `TEST_ENGINES` names it.
#[must_use]
pub fn url(db: &TestDb<Postgres>) -> Option<String> {
    static SAID: Once = Once::new();
    let set = env::var(VARIABLE).ok().filter(|url| !url.is_empty());
    let Some(pooler) = set else {
        let demanded = env::var("TEST_ENGINES").unwrap_or_default();
        let named = demanded.split(',').any(|name| name.trim() == NAME);
        assert!(
            !named,
            "TEST_ENGINES names {NAME}, and {VARIABLE} is not set"
        );
        SAID.call_once(|| {
            let _ = writeln!(
                std::io::stderr(),
                "\n==== PGBOUNCER LEFT OUT: set {VARIABLE} or run `cargo xtask test` ====\n"
            );
        });
        return None;
    };
    let mut url = url::Url::parse(&pooler).expect("the URL of the pooler");
    let direct = url::Url::parse(db.direct_url()).expect("the URL of the test database");
    url.set_path(direct.path());
    Some(url.into())
}

/// A pool of so many connections to `url`, as the documentation has it for a pooler.
///
/// # Panics
///
/// When it cannot connect.
pub async fn pool(url: &str, connections: u32) -> PgPool {
    let options: PgConnectOptions = url.parse().expect("a URL");
    let pool = PgPoolOptions::new().max_connections(connections);
    let pool = pool.connect_with(options.statement_cache_capacity(0)).await;
    pool.expect("a pool behind the pooler")
}
