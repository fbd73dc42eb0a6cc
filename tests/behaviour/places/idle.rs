//! An idle connection is asked what its pool's options want asked, or nothing.

use std::{
    future::ready,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use sqlx::{Pool, pool::PoolOptions};
use sqlx_transactional::{pool::take_as_is, transaction};
use sqlx_transactional_tests::{Backend, TestDb, for_each_engine, inspect};

use crate::sql::insert;

/// A pool of one, and how often its connection was asked.
async fn asking<DB: Backend>(db: &TestDb<DB>) -> (Pool<DB>, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&asked);
    let options = PoolOptions::new()
        .max_connections(1)
        .acquire_timeout(Duration::from_millis(200))
        .before_acquire(move |_, _| {
            counter.fetch_add(1, Ordering::SeqCst);
            Box::pin(ready(Ok(true)))
        });
    (db.pool_with(options).await, asked)
}

for_each_engine! {
    async fn store(pool: &Pool<DB>, id: i64) {
        transaction(pool, async |tx| insert(tx, id).await).await.unwrap();
        inspect::settle(pool).await;
    }

    #[test]
    async fn a_plain_pool_asks_each_time(db: &TestDb<DB>) {
        let (pool, asked) = asking(db).await;
        store(&pool, 1).await;
        store(&pool, 2).await;
        assert_eq!(asked.load(Ordering::SeqCst), 2);
        assert_eq!(db.rows().await, [1, 2]);
        pool.close().await;
    }

    /// Also by its clones; whoever takes a connection past this crate is not meant.
    #[test]
    async fn one_that_is_taken_as_it_is_asks_nothing(db: &TestDb<DB>) {
        let (pool, asked) = asking(db).await;
        let (other, others) = asking(db).await;
        take_as_is(&pool);
        store(&pool, 1).await;
        store(&pool.clone(), 2).await;
        assert_eq!(asked.load(Ordering::SeqCst), 0);
        store(&other, 3).await;
        assert_eq!(others.load(Ordering::SeqCst), 1);
        drop(pool.acquire().await.unwrap());
        assert_eq!(asked.load(Ordering::SeqCst), 1);
        assert_eq!(db.rows().await, [1, 2, 3]);
        pool.close().await;
        other.close().await;
    }

    #[test]
    async fn it_waits_for_a_connection_like_any_other(db: &TestDb<DB>) {
        let (pool, _) = asking(db).await;
        take_as_is(&pool);
        let held = pool.acquire().await.unwrap();
        let ended = transaction(&pool, async |tx| insert(tx, 1).await);
        assert!(matches!(ended.await, Err(sqlx::Error::PoolTimedOut)));
        let waiting = transaction(&pool, async |tx| insert(tx, 2).await);
        let (stored, ()) = tokio::join!(waiting, async { drop(held) });
        stored.unwrap();
        assert_eq!(db.rows().await, [2]);
        pool.close().await;
        let ended = transaction(&pool, async |tx| insert(tx, 3).await);
        assert!(matches!(ended.await, Err(sqlx::Error::PoolClosed)));
    }
}
