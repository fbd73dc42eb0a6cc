//! `timeout` on a part: a call that joins, and a savepoint.

use super::{SHORT, is_timed_out, setup};
use crate::ledger::{PATIENCE, Run};
use crate::notes::Notes;
use sqlx::Error;
use sqlx_transactional::{Limits, Tx, on, testing::TestTransaction, transaction, transactional};
use sqlx_transactional_tests::{Engine, TestDb, for_each_engine, for_engines};
use std::future::pending;
use std::time::Duration;
use tokio::time::timeout;

#[transactional(timeout = "300ms")]
async fn joined<DB: Notes>(tx: &mut Tx<'_, DB>, run: &Run) -> Result<(), Error> {
    DB::insert(tx, run.id(2)).await?;
    pending().await
}

#[transactional(savepoint, timeout = "300ms")]
async fn nested<DB: Notes>(tx: &mut Tx<'_, DB>, run: &Run) -> Result<(), Error> {
    DB::insert(tx, run.id(2)).await?;
    pending().await
}

/// Returns in time, as far as anybody who waits for it can see.
#[transactional(savepoint, timeout = "100ms")]
async fn is_late<DB: Notes>(tx: &mut Tx<'_, DB>, run: &Run) -> Result<(), Error> {
    DB::insert(tx, run.id(2)).await?;
    std::thread::sleep(Duration::from_millis(200));
    Ok(())
}

#[transactional(timeout = "100ms")]
async fn joins_late<DB: Notes>(tx: &mut Tx<'_, DB>, run: &Run) -> Result<(), Error> {
    DB::insert(tx, run.id(2)).await?;
    std::thread::sleep(Duration::from_millis(200));
    Ok(())
}

/// A vote that never comes.
#[transactional(timeout = "300ms")]
async fn waits_for_a_vote<DB: Notes>(tx: &mut Tx<'_, DB>, run: &Run) -> Result<(), Error> {
    tx.after_commit(run.on_commit());
    tx.after_rollback(run.on_rollback());
    tx.before_commit(|_| Box::pin(pending()));
    DB::insert(tx, run.id(2)).await
}

for_each_engine! {
    /// Its time is over when it returns, though nobody was told.
    #[test(setup())]
    async fn a_part_that_returns_too_late_has_not_succeeded(db: &TestDb<DB>) {
        let run = Run::new(1);
        let ended = transaction(&db.pool, async |tx| {
            DB::insert(&mut *tx, run.id(1)).await?;
            let error = is_late(&mut *tx, &run).await.unwrap_err();
            assert!(is_timed_out(&error), "{error:?}");
            DB::insert(tx, run.id(3)).await
        });
        ended.await.unwrap();
        assert_eq!(run.stored(db).await, [1, 3]);
        let ended = transaction(&db.pool, async |tx| {
            let error = joins_late(&mut *tx, &run).await.unwrap_err();
            assert!(is_timed_out(&error), "{error:?}");
            Ok::<_, Error>(())
        });
        assert!(ended.await.is_err(), "what it joined cannot commit");
        let mut test = TestTransaction::new(&db.pool);
        for late in [is_late(&mut test, &run).await, joins_late(&mut test, &run).await] {
            let error = late.unwrap_err();
            assert!(is_timed_out(&error), "{error:?}");
        }
        test.roll_back().await.unwrap();
        db.assert_whole().await;
    }

    /// As long as the votes before its end take.
    #[test(setup())]
    async fn the_votes_of_a_call_in_a_test_are_within_its_time(db: &TestDb<DB>) {
        let run = Run::new(1);
        let mut test = TestTransaction::new(&db.pool);
        let ended = timeout(PATIENCE, waits_for_a_vote(&mut test, &run)).await;
        let error = ended.expect("it returns").unwrap_err();
        assert!(is_timed_out(&error), "{error:?}");
        assert_eq!(run.wait_for_hooks(1).await, (0, 1));
        // What it did is undone, and the test goes on.
        let ids = transaction(&mut test, async |tx| DB::insert(tx, run.id(2)).await);
        ids.await.unwrap();
        test.roll_back().await.unwrap();
        db.assert_whole().await;
    }

    /// Swallowed, it dooms what it has joined.
    #[test(setup())]
    async fn a_call_that_joined_dooms_the_whole(db: &TestDb<DB>) {
        let run = Run::new(1);
        let ended = transaction(&db.pool, async |tx| {
            DB::insert(&mut *tx, run.id(1)).await?;
            let error = joined(&mut *tx, &run).await.unwrap_err();
            assert!(is_timed_out(&error), "{error:?}");
            Ok::<_, Error>(())
        });
        let error = ended.await.unwrap_err();
        let found = sqlx_transactional::Error::find(&error).unwrap();
        assert!(found.is_doomed(), "{error:?}");
        let cause = std::error::Error::source(found).and_then(|cause| cause.downcast_ref());
        assert!(cause.is_some_and(is_timed_out), "{error:?}");
        assert!(run.stored(db).await.is_empty());
        db.assert_whole().await;
    }

    #[test(setup())]
    async fn a_savepoint_is_gone_back_to(db: &TestDb<DB>) {
        let run = Run::new(1);
        let ended = transaction(&db.pool, async |tx| {
            DB::insert(&mut *tx, run.id(1)).await?;
            let error = nested(&mut *tx, &run).await.unwrap_err();
            assert!(is_timed_out(&error), "{error:?}");
            DB::insert(tx, run.id(3)).await
        });
        ended.await.unwrap();
        assert_eq!(run.stored(db).await, [1, 3]);
        db.assert_whole().await;
    }

    /// What is set at BEGIN cannot be made stricter afterwards; as strict or
    /// weaker it is kept already.
    #[test(setup())]
    async fn a_part_that_asks_for_more_is_not_called(db: &TestDb<DB>) {
        let limits = |limit| Limits::new().statement_timeout(limit).lock_timeout(limit);
        let ended = on(&db.pool).limits(limits(SHORT * 10)).run(async |tx| {
            DB::insert(&mut *tx, 1).await?;
            let as_strict = on(&mut *tx).limits(limits(SHORT * 10));
            as_strict.run(async |tx| DB::insert(tx, 2).await).await?;
            let weaker = on(&mut *tx).limits(limits(SHORT * 20)).savepoint();
            weaker.run(async |tx| DB::insert(tx, 3).await).await?;
            let stricter = on(&mut *tx).limits(limits(SHORT)).savepoint();
            let refused = stricter.run(async |_: &mut Tx<'_, DB>| -> Result<(), Error> {
                panic!("it is not called")
            });
            let error = refused.await.unwrap_err();
            let found = sqlx_transactional::Error::find(&error).unwrap();
            assert!(found.is_unsupported(), "{error:?}");
            Ok::<_, Error>(())
        });
        ended.await.unwrap();
        assert_eq!(db.rows().await, [1, 2, 3]);
        db.assert_whole().await;
    }
}

/// The savepoint's own end is within its time, too.
mod behind_a_wire {
    use super::*;
    use sqlx_transactional_tests::{Action, Point};

    #[transactional(savepoint, timeout = "300ms")]
    async fn stores<DB: Notes>(
        tx: &mut Tx<'_, DB>,
        run: &Run,
        end: Result<(), Error>,
    ) -> Result<(), Error> {
        DB::insert(tx, run.id(2)).await?;
        end
    }

    for_engines! {
        [postgres, mysql]

        #[test(setup())]
        async fn a_release_that_is_not_answered_is_not_waited_for(db: &TestDb<DB>) {
            let run = Run::new(1);
            db.wire().arm(Point::reply_to("RELEASE"), Action::Hold);
            let ended = transaction(&db.pool, async |tx| {
                DB::insert(&mut *tx, run.id(1)).await?;
                let ended = timeout(PATIENCE, stores(&mut *tx, &run, Ok(()))).await;
                let error = ended.expect("it returns").unwrap_err();
                assert!(is_timed_out(&error), "{error:?}");
                db.wire().release();
                Ok::<_, Error>(())
            });
            assert!(ended.await.is_err(), "nobody knows whether it was released");
            assert!(run.stored(db).await.is_empty());
            db.assert_whole().await;
        }

        #[test(setup())]
        async fn nor_is_a_rollback_and_the_bodys_error_is_told(db: &TestDb<DB>) {
            let run = Run::new(1);
            db.wire().arm(Point::reply_to("ROLLBACK TO"), Action::Hold);
            let ended = transaction(&db.pool, async |tx| {
                DB::insert(&mut *tx, run.id(1)).await?;
                let ended = stores(&mut *tx, &run, Err(Error::RowNotFound));
                let ended = timeout(PATIENCE, ended).await.expect("it returns");
                assert!(matches!(ended, Err(Error::RowNotFound)), "{ended:?}");
                db.wire().release();
                Ok::<_, Error>(())
            });
            assert!(ended.await.is_err(), "nobody knows what is undone");
            assert!(run.stored(db).await.is_empty());
            db.assert_whole().await;
        }
    }
}

/// The engine, or the protocol, does not survive that a statement is stopped.
mod taken_along {
    use super::*;

    #[transactional(savepoint, timeout = "300ms")]
    async fn writes_for_long<DB: Notes>(tx: &mut Tx<'_, DB>, sql: &str) -> Result<(), Error> {
        DB::run(tx, sql).await
    }

    for_engines! {
        [sqlite, mysql]

        #[test(setup())]
        async fn the_whole_fails_with_a_part_that_was_writing(db: &TestDb<DB>) {
            let sql = match db.engine() {
                Engine::MySql => "insert into notes select 9, sleep(2)",
                _ => "with recursive n (i) as (select 9 union all select i + 1 from n) \
                      insert into notes select i, 'long' from n",
            };
            let ended = transaction(&db.pool, async |tx| {
                DB::insert(&mut *tx, 1).await?;
                let error = writes_for_long(&mut *tx, sql).await.unwrap_err();
                assert!(is_timed_out(&error), "{error:?}");
                Ok::<_, Error>(())
            });
            let error = ended.await.unwrap_err();
            let found = sqlx_transactional::Error::find(&error).unwrap();
            assert!(found.is_doomed(), "{error:?}");
            db.assert_whole().await;
            assert_eq!(db.rows().await, [0; 0]);
        }
    }
}

mod on_sqlite {
    use super::*;

    for_engines! {
        [sqlite]

        /// It is the wait for the lock that is limited, not that for the pool.
        #[test(setup())]
        async fn a_busy_pool_is_no_lock(db: &TestDb<DB>) {
            let held = db.pool.acquire().await.unwrap();
            let limits = Limits::new().lock_timeout(SHORT);
            let call = on(&db.pool).limits(limits).run(async |tx| DB::insert(tx, 1).await);
            let free = async {
                tokio::time::sleep(SHORT * 3).await;
                drop(held);
            };
            tokio::join!(call, free).0.unwrap();
            assert_eq!(db.rows().await, [1]);
            db.assert_whole().await;
        }
    }
}
