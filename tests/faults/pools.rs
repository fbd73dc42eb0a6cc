//! The pools of these tests.

use crate::ledger::PATIENCE;
use crate::notes::Notes;
use sqlx::{Pool, pool::PoolOptions};
use sqlx_transactional::pool;
use sqlx_transactional_tests::{TestDb, inspect};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::time::timeout;

/// The options of a recommended pool of so many connections.
pub(crate) fn recommended<DB: Notes>(url: &str, connections: u32) -> PoolOptions<DB> {
    pool::options(url)
        .max_connections(connections)
        .acquire_timeout(PATIENCE)
}

/// A pool whose connections are all open, and how many were opened since.
pub(crate) async fn full<DB: Notes>(
    db: &TestDb<DB>,
    options: PoolOptions<DB>,
) -> (Pool<DB>, Arc<AtomicUsize>) {
    let opened = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&opened);
    let options = options.after_connect(move |_, _| {
        counter.fetch_add(1, Ordering::SeqCst);
        Box::pin(std::future::ready(Ok(())))
    });
    let pool = db.pool_with(options).await;
    let mut all = Vec::new();
    for _ in 0..pool.options().get_max_connections() {
        all.push(pool.acquire().await.expect("a connection"));
    }
    drop(all);
    inspect::settle(&pool).await;
    opened.store(0, Ordering::SeqCst);
    if let Some(wire) = &db.wire {
        let _ = (wire.take_log(), wire.take_counts());
    }
    (pool, opened)
}

/// A pool whose engine is slow enough for each step to be waited for.
pub(crate) async fn slow<DB: Notes>(db: &TestDb<DB>, options: PoolOptions<DB>) -> Pool<DB> {
    let options = options
        .acquire_timeout(PATIENCE)
        .after_connect(|connection, _| Box::pin(DB::slow_down(connection)));
    let pool = db.pool_with(options).await;
    inspect::settle(&pool).await;
    pool
}

/// Asserts that the pool closes. One that has lost a slot never does, and one
/// whose connection is stuck does not in time.
pub(crate) async fn assert_closes<DB: Notes>(pool: &Pool<DB>) {
    let closed = timeout(PATIENCE, pool.close()).await;
    assert!(closed.is_ok(), "the pool does not close");
}
