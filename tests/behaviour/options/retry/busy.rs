//! SQLite: a lock that somebody else holds. The transaction is still there behind
//! it, and yet nothing but the time will mend it.

use std::{cell::Cell, time::Duration};

use sqlx::{Pool, pool::PoolOptions};
use sqlx_transactional_tests::{TestDb, for_engines};
use tokio::sync::Mutex;

use super::{block, quick};
use crate::{
    expect::code,
    slow,
    sql::{insert, run},
};

for_engines! {
    [sqlite]

    /// A pool that hardly waits for a lock.
    async fn impatient(db: &TestDb<DB>) -> Pool<DB> {
        let impatient = db.options().busy_timeout(Duration::from_millis(20));
        let options = PoolOptions::<DB>::new().max_connections(1);
        options.connect_with(impatient).await.unwrap()
    }

    #[test]
    async fn a_lock_that_is_let_go_is_found_by_the_next_attempt(db: &TestDb<DB>) {
        let pool = impatient(db).await;
        let writer = db.observer.begin_with("begin immediate").await.unwrap();
        let writer = Mutex::new(Some(writer));
        let ended = block(&pool, quick(3)).run(async |tx| {
            let attempt = tx.attempt();
            if attempt == 2 {
                writer.lock().await.take().unwrap().rollback().await?;
            }
            let stored = insert(tx, i64::from(attempt)).await;
            if let Err(error) = &stored {
                assert_eq!(code(error), "5");
            }
            stored
        });
        ended.await.unwrap();
        assert_eq!(db.rows().await, [2]);
        pool.close().await;
    }

    /// It was swallowed, and is not what the body failed of.
    #[test]
    async fn what_fails_for_good_behind_it_is_not_repeated(db: &TestDb<DB>) {
        let pool = impatient(db).await;
        let writer = db.observer.begin_with("begin immediate").await.unwrap();
        for is_dropped in [false, true] {
            let runs = Cell::new(0);
            let ended = block(&pool, quick(3)).run(async |tx| {
                runs.set(tx.attempt());
                let stored = insert(&mut *tx, 1).await;
                assert_eq!(code(&stored.unwrap_err()), "5");
                if is_dropped {
                    slow::drop_pending(run(tx, slow::select::<DB>())).await;
                    Ok(())
                } else {
                    run(tx, "commit").await
                }
            });
            let error = ended.await.unwrap_err();
            assert_eq!(runs.get(), 1, "{error}");
        }
        drop(writer);
        pool.close().await;
    }
}
