//! What a connection keeps when a call on it is dropped.

use super::stores;
use crate::ledger::{PATIENCE, Run};
use crate::notes::Notes;
use crate::pauses::with_pauses;
use crate::pools::{assert_closes, recommended, slow};
use sqlx::{Connection, Sqlite, SqlitePool};
use sqlx_transactional::ReadTx;
use sqlx_transactional_tests::{TestDb, for_engines, inspect, sweep};
use tokio::time::timeout;

/// Opens a database in memory, in a pool as it is recommended, slow enough for
/// each step to be waited for.
async fn in_memory() -> SqlitePool {
    let url = "sqlite::memory:";
    let options = sqlx_transactional::pool::options::<Sqlite>(url)
        .after_connect(|connection, _| Box::pin(Sqlite::slow_down(connection)));
    let pool = options.connect(url).await.unwrap();
    sqlx::raw_sql("create table notes (id integer primary key, body text not null)")
        .execute(&pool)
        .await
        .unwrap();
    pool
}

async fn ids(pool: &SqlitePool) -> Vec<i64> {
    let ids = sqlx::query_scalar("select id from notes order by id").fetch_all(pool);
    timeout(PATIENCE, ids).await.unwrap().unwrap()
}

for_engines! {
    [sqlite]

    /// Its data lives as long as its one connection, which is therefore never
    /// closed.
    #[test]
    async fn a_database_in_memory_outlives_cancellations(_db: &TestDb<DB>) {
        let pool = in_memory().await;
        stores(&pool, &Run::new(0)).await.unwrap();
        let mut kept = ids(&pool).await;
        assert_eq!(kept.len(), 2);
        let mut number = 0;
        let make = async || {
            number += 1;
            (number, with_pauses(stores(&pool, &Run::new(number))).await)
        };
        let polls = sweep(100, make, async |at, output| {
            let now = ids(&pool).await;
            let (old, new) = now.split_at(kept.len());
            assert_eq!(old, kept, "poll {at}");
            assert!(new.is_empty() || new.len() == 2, "poll {at}: {new:?}");
            if let Some((number, outcome)) = output {
                outcome.unwrap();
                let run = Run::new(number);
                assert_eq!(new, [run.id(1), run.id(2)]);
            }
            kept = now;
        })
        .await;
        assert!(polls > 8, "{polls}");
        assert_eq!(pool.size(), 1);
        assert_closes(&pool).await;
    }

    #[test]
    async fn a_reader_that_is_dropped_leaves_the_connection_writable(db: &TestDb<DB>) {
        let pool = slow(db, recommended(db.url(), 1)).await;
        let read = async || {
            let read = sqlx_transactional::read(&pool, async |tx: &mut ReadTx<'_, DB>| {
                let only: i64 = sqlx::query_scalar("pragma query_only").fetch_one(&mut *tx).await?;
                assert_eq!(only, 1, "the engine enforces it");
                DB::count(tx).await
            });
            with_pauses(read).await
        };
        let polls = sweep(100, read, async |at, _| {
            let mut connection = timeout(PATIENCE, pool.acquire()).await.unwrap().unwrap();
            let only: i64 = sqlx::query_scalar("pragma query_only")
                .fetch_one(&mut *connection)
                .await
                .unwrap();
            assert_eq!(only, 0, "poll {at}");
            assert!(!connection.is_in_transaction(), "poll {at}");
            drop(connection);
            inspect::assert_whole(db, &pool).await;
        })
        .await;
        assert!(polls > 6, "{polls}");
        assert_closes(&pool).await;
    }
}
