//! A second transaction on the pool of which the task holds a connection.

use crate::notes::Notes;
use sqlx::{Error, pool::PoolOptions};
use sqlx_transactional::{ReadTx, Tx, testing, transaction, transactional};
use sqlx_transactional_tests::{Engine, Setup, TestDb, for_each_engine, inspect};
use std::time::{Duration, Instant};

fn found(error: &Error) -> &sqlx_transactional::Error {
    sqlx_transactional::Error::find(error).expect("an error of this crate's")
}

#[transactional]
async fn count<DB: Notes>(tx: &mut ReadTx<'_, DB>) -> Result<i64, Error> {
    DB::count(tx).await
}

for_each_engine! {
    /// At once, and not when the pool loses patience.
    #[test(Setup::default())]
    async fn pool_02_it_fails_at_once_when_none_is_left(db: &TestDb<DB>) {
        let began = Instant::now();
        let ended = transaction(&db.pool, async |tx: &mut Tx<'_, DB>| {
            DB::insert(tx, 1).await?;
            let second = transaction(&db.pool, async |tx| DB::insert(tx, 2).await);
            second.await
        });
        let error = ended.await.unwrap_err();
        assert!(found(&error).is_pool_exhausted(), "{error:?}");
        assert_eq!(found(&error).sqlstate(), "53300");
        assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
        assert_eq!(db.rows().await, [0; 0]);
        db.assert_whole().await;
    }

    /// A pool's address is used again, also while a copy of its options is kept.
    #[test]
    async fn pool_that_comes_later_is_not_forbidden_what_another_was(db: &TestDb<DB>) {
        let mut kept = Vec::new();
        for id in 0..40 {
            let pool = db.pool_with(PoolOptions::new().max_connections(2)).await;
            let ended = transaction(&pool, async |tx: &mut Tx<'_, DB>| {
                DB::insert(tx, id).await?;
                count(&pool).await.map(drop)
            });
            ended.await.unwrap();
            testing::forbid_second_transaction(&pool);
            kept.push(pool.connect_options());
            pool.close().await;
        }
    }

    /// Before the first statement nothing is held.
    #[test(Setup::default())]
    async fn it_is_fine_before_the_first_holds_anything(db: &TestDb<DB>) {
        let ended = transaction(&db.pool, async |tx| {
            transaction(&db.pool, async |tx| DB::insert(tx, 2).await).await?;
            DB::insert(tx, 1).await
        });
        ended.await.unwrap();
        assert_eq!(db.rows().await, [1, 2]);
        db.assert_whole().await;
    }

    /// Two hold one each and want another: neither waits for the other.
    #[test(Setup::default().connections(2))]
    async fn pool_02_two_tasks_do_not_wait_for_each_other(db: &TestDb<DB>) {
        if db.engine() == Engine::Sqlite {
            // The second cannot even begin there.
            return;
        }
        let both = tokio::sync::Barrier::new(2);
        let greedy = async |id| {
            transaction(&db.pool, async |tx: &mut Tx<'_, DB>| {
                DB::insert(tx, id).await?;
                both.wait().await;
                transaction(&db.pool, async |tx| DB::insert(tx, id + 2).await).await
            })
            .await
        };
        let began = Instant::now();
        let ended = tokio::join!(greedy(1), greedy(2));
        assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
        let failed = [&ended.0, &ended.1].into_iter().filter(|ended| ended.is_err()).count();
        assert!(failed > 0, "there is no connection for either");
        for error in [ended.0, ended.1].into_iter().filter_map(Result::err) {
            assert!(found(&error).is_pool_exhausted(), "{error:?}");
        }
        db.assert_whole().await;
    }

    /// A connection that is there is no reason to give up, however long it takes
    /// to look at it.
    #[test(Setup::default())]
    async fn one_that_is_idle_is_waited_for(db: &TestDb<DB>) {
        if db.engine() == Engine::Sqlite {
            return;
        }
        let slow = PoolOptions::new().max_connections(2).before_acquire(|_, _| {
            Box::pin(async {
                tokio::time::sleep(Duration::from_millis(300)).await;
                Ok(true)
            })
        });
        let pool = db.pool_with(slow).await;
        drop((pool.acquire().await.unwrap(), pool.acquire().await.unwrap()));
        inspect::settle(&pool).await;
        let ended = transaction(&pool, async |tx| {
            DB::insert(tx, 1).await?;
            assert!(pool.num_idle() > 0, "there is one");
            transaction(&pool, async |tx| DB::insert(tx, 2).await).await
        });
        ended.await.unwrap();
        assert_eq!(db.rows().await, [1, 2]);
        pool.close().await;
    }

    /// One after the other inside a third, each on the connection that is left.
    #[test(Setup::default().connections(2))]
    async fn pool_02_several_in_turn_find_the_one_that_is_left(db: &TestDb<DB>) {
        if db.engine() == Engine::Sqlite {
            return;
        }
        let ended = transaction(&db.pool, async |tx| {
            DB::insert(tx, 1).await?;
            for id in 2..20 {
                transaction(&db.pool, async |tx| DB::insert(tx, id).await).await?;
            }
            Ok::<_, Error>(())
        });
        ended.await.unwrap();
        assert_eq!(db.rows().await.len(), 19);
        db.assert_whole().await;
    }

    #[test(Setup::default())]
    async fn tests_can_make_it_an_error_always(db: &TestDb<DB>) {
        let pool = db.pool_with(PoolOptions::new().max_connections(5)).await;
        testing::forbid_second_transaction(&pool);
        let ended = transaction(&pool, async |tx: &mut Tx<'_, DB>| {
            DB::insert(tx, 1).await?;
            transaction(&pool, async |tx| DB::insert(tx, 2).await).await
        });
        let error = ended.await.unwrap_err();
        assert!(found(&error).is_second_transaction(), "{error:?}");
        assert_eq!(found(&error).sqlstate(), "25001");
        transaction(&pool, async |tx| DB::insert(tx, 3).await).await.unwrap();
        pool.close().await;
        assert_eq!(db.rows().await, [3]);
    }
}
