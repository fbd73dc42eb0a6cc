//! Nothing is sent and no connection taken before the first statement.

use std::{future::pending, panic::AssertUnwindSafe, time::Duration};

use futures_util::FutureExt;
use sqlx_transactional::{ReadTx, Tx, on, read, transaction, transactional};
use sqlx_transactional_tests::{Backend, Counts, Setup, TestDb, for_each_engine, for_engines};
use tokio::time::timeout;

use crate::{
    app::AppError,
    sql::{ids, insert},
    wire_text::assert_sent,
};

/// Asserts that not a byte was sent since the last look.
#[track_caller]
fn assert_silent<DB: Backend>(db: &TestDb<DB>) {
    if let Some(wire) = &db.wire {
        assert_eq!(wire.take_log(), [""; 0]);
        assert_eq!(wire.take_counts(), Counts::default());
    }
}

for_each_engine! {
    #[transactional]
    async fn nothing(tx: &mut Tx<'_, DB>) -> Result<u32, AppError> {
        let _ = tx;
        Ok(7)
    }

    #[transactional]
    async fn nothing_read(tx: &mut ReadTx<'_, DB>) -> Result<u32, AppError> {
        let _ = tx;
        Ok(7)
    }

    #[transactional(savepoint)]
    async fn nothing_nested(tx: &mut Tx<'_, DB>) -> Result<u32, AppError> {
        nothing(tx).await
    }

    #[transactional]
    async fn refuse(tx: &mut Tx<'_, DB>) -> Result<(), AppError> {
        let _ = tx;
        Err(AppError::Refused(1))
    }

    /// The only connection of the pool is held by somebody else all the time.
    #[test(Setup::wired())]
    async fn out_16_a_body_without_a_statement_costs_nothing(db: &TestDb<DB>) {
        let held = db.pool.acquire().await.unwrap();
        let _ = db.wire.as_ref().map(|wire| (wire.take_log(), wire.take_counts()));
        let all = async {
            assert_eq!(nothing(&db.pool).await.unwrap(), 7);
            assert_eq!(nothing_read(&db.pool).await.unwrap(), 7);
            assert_eq!(nothing_nested(&db.pool).await.unwrap(), 7);
            let block = transaction(&db.pool, async |tx| {
                nothing(&mut *tx).await?;
                nothing_nested(&mut *tx).await?;
                nothing_read(&mut *tx).await?;
                tx.savepoint(async |_| Ok::<_, AppError>(())).await?;
                on(&mut *tx).savepoint().run(async |tx| nothing(tx).await).await
            });
            assert_eq!(block.await.unwrap(), 7);
            let reads = read(&db.pool, async |tx| nothing_read(tx).await);
            assert_eq!(reads.await.unwrap(), 7);
        };
        timeout(Duration::from_secs(2), all).await.expect("without the connection");
        assert_silent(db);
        drop(held);
        db.assert_whole().await;
    }

    #[test(Setup::wired())]
    async fn out_17_one_that_fails_before_its_first_statement_costs_nothing(db: &TestDb<DB>) {
        let held = db.pool.acquire().await.unwrap();
        let _ = db.wire.as_ref().map(|wire| (wire.take_log(), wire.take_counts()));
        let all = async {
            assert!(refuse(&db.pool).await.unwrap_err().is_refused(1));
            let asked = transaction(&db.pool, async |tx| {
                tx.roll_back();
                Ok::<_, AppError>(())
            });
            asked.await.unwrap();
            let panics = transaction(&db.pool, async |_: &mut Tx<'_, DB>| -> Result<(), AppError> {
                std::panic::resume_unwind(Box::new("before the first statement"))
            });
            assert!(AssertUnwindSafe(panics).catch_unwind().await.is_err());
            let endless = transaction(&db.pool, async |_: &mut Tx<'_, DB>| {
                pending::<Result<(), AppError>>().await
            });
            assert!(timeout(Duration::from_millis(20), endless).await.is_err());
            // A joined failure dooms what has not begun.
            let swallowed = transaction(&db.pool, async |tx| {
                let _ = refuse(&mut *tx).await;
                let refused = insert(&mut *tx, 1).await.unwrap_err();
                let _ = crate::expect::doomed(&refused);
                Ok::<_, AppError>(())
            });
            let _ = crate::expect::doomed(&swallowed.await.unwrap_err());
        };
        timeout(Duration::from_secs(2), all).await.expect("without the connection");
        assert_silent(db);
        drop(held);
        db.assert_whole().await;
    }

    #[transactional]
    async fn ask_then_store(tx: &mut Tx<'_, DB>, db: &TestDb<DB>) -> Result<(), AppError> {
        // What a title generator or an HTTP call would be: it needs the pool's
        // only connection itself.
        let seen = ids(&db.pool).await?;
        assert_eq!(seen, [0; 0]);
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert_eq!(db.pool.num_idle(), 1, "nothing is held while it waits");
        insert(tx, 1).await?;
        Ok(())
    }

    #[test(Setup::wired())]
    async fn what_is_awaited_before_the_first_statement_holds_no_connection(db: &TestDb<DB>) {
        ask_then_store(&db.pool, db).await.unwrap();
        assert_eq!(db.rows().await, [1]);
        assert_sent(db, "select id from notes order by id; BEGIN; insert 1; COMMIT");
        db.assert_whole().await;
    }

    #[transactional]
    async fn delegate(tx: &mut Tx<'_, DB>, db: &TestDb<DB>) -> Result<(), AppError> {
        let _ = tx;
        let inner = transaction(&db.pool, async |tx| insert(tx, 1).await);
        inner.await?;
        Ok(())
    }

    /// With one connection this would wait for itself if the outer function,
    /// which needs none, had taken it.
    #[test(Setup::wired())]
    async fn prop_15_an_outer_function_without_a_statement_takes_no_connection(db: &TestDb<DB>) {
        timeout(Duration::from_secs(2), delegate(&db.pool, db)).await.unwrap().unwrap();
        assert_eq!(db.rows().await, [1]);
        assert_sent(db, "BEGIN; insert 1; COMMIT");
        db.assert_whole().await;
    }

    /// The first statement may come from a joined function.
    #[test(Setup::wired())]
    async fn begin_is_sent_with_the_first_statement_wherever_it_is(db: &TestDb<DB>) {
        let ended = transaction(&db.pool, async |tx| {
            nothing(&mut *tx).await?;
            assert_silent(db);
            transaction(&mut *tx, async |tx| insert(tx, 1).await).await?;
            assert_sent(db, "BEGIN; insert 1");
            nothing_nested(&mut *tx).await?;
            assert_sent(db, "");
            Ok::<_, AppError>(())
        });
        ended.await.unwrap();
        assert_sent(db, "COMMIT");
        assert_eq!(db.rows().await, [1]);
        db.assert_whole().await;
    }
}

mod idle_connections {
    use super::*;
    use sqlx::pool::PoolOptions;
    use sqlx_transactional::pool;
    use sqlx_transactional_tests::inspect;

    for_engines! {
        [postgres, mysql]

        /// Nothing of the transaction was sent on the dead one.
        #[test(Setup::wired())]
        async fn pool_06_a_connection_that_died_idle_is_replaced(db: &TestDb<DB>) {
            let options = || -> PoolOptions<DB> { pool::options(db.url()).max_connections(3) };
            let asked = options().connect(db.url()).await.unwrap();
            let taken_as_is = db.pool_with(options()).await;
            for (id, pool) in [(1, asked), (2, taken_as_is)] {
                let held = [pool.acquire().await, pool.acquire().await, pool.acquire().await];
                drop(held);
                inspect::settle(&pool).await;
                db.wire().cut_all().await;
                transaction(&pool, async |tx| insert(tx, id).await).await.unwrap();
                pool.close().await;
            }
            assert_eq!(db.rows().await, [1, 2]);
        }

        #[test(Setup::wired())]
        async fn pool_06_a_plain_pool_does_it_by_a_ping(db: &TestDb<DB>) {
            db.wire().cut_all().await;
            transaction(&db.pool, async |tx| insert(tx, 1).await).await.unwrap();
            assert_eq!(db.rows().await, [1]);
            db.assert_whole().await;
        }
    }
}
