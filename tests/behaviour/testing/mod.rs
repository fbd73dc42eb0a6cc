//! What a user's test gets: a transaction that is never committed.

mod options;
mod settings;

use sqlx_transactional::{
    ReadTx, Tx, on,
    testing::{End, TestTransaction, watch},
    transaction, transactional,
};
use sqlx_transactional_tests::{Engine, Setup, TestDb, for_each_engine};

use crate::{
    app::AppError,
    diary::Diary,
    sql::{ids, insert},
    wire_text::assert_sent,
};

for_each_engine! {
    #[transactional]
    async fn store(tx: &mut Tx<'_, DB>, id: i64, diary: &Diary) -> Result<(), AppError> {
        tx.after_commit(diary.hook(format!("committed {id}")));
        tx.after_rollback(diary.hook(format!("rolled back {id}")));
        let shadow = diary.clone();
        tx.before_commit(move |_| Box::pin(async move { shadow.write(format!("before {id}")); Ok(()) }));
        insert(tx, id).await?;
        Ok(())
    }

    #[transactional]
    async fn list(tx: &mut ReadTx<'_, DB>) -> Result<Vec<i64>, AppError> {
        Ok(ids(tx).await?)
    }

    #[transactional(outermost, isolation = serializable, retry)]
    async fn close(tx: &mut Tx<'_, DB>, diary: &Diary) -> Result<u32, AppError> {
        store(&mut *tx, 9, diary).await?;
        Ok(tx.attempt())
    }

    #[test]
    async fn test_01_what_is_stored_is_seen_in_it_and_gone_after_it(db: &TestDb<DB>) {
        let diary = Diary::default();
        let mut test = TestTransaction::new(&db.pool);
        store(&mut test, 1, &diary).await.unwrap();
        store(&mut test, 2, &diary).await.unwrap();
        assert_eq!(list(&mut test).await.unwrap(), [1, 2]);
        assert_eq!(ids(test.connection().await.unwrap()).await.unwrap(), [1, 2]);
        assert_eq!(db.rows().await, [0; 0]);
        test.roll_back().await.unwrap();
        assert_eq!(db.rows().await, [0; 0]);
        db.assert_whole().await;
    }

    #[test]
    async fn dropping_it_is_enough(db: &TestDb<DB>) {
        let mut test = TestTransaction::new(&db.pool);
        store(&mut test, 1, &Diary::default()).await.unwrap();
        drop(test);
        db.assert_whole().await;
        assert_eq!(db.rows().await, [0; 0]);
    }

    /// What counts is what the votes have left.
    #[test]
    async fn a_vote_that_asks_for_a_rollback_has_the_hooks_of_one_run(db: &TestDb<DB>) {
        let diary = Diary::default();
        let mut test = TestTransaction::new(&db.pool);
        let ended = transaction(&mut test, async |tx| {
            tx.after_commit(diary.hook("committed"));
            tx.after_rollback(diary.hook("rolled back"));
            tx.before_commit(|tx| {
                Box::pin(async move {
                    tx.roll_back();
                    Ok(())
                })
            });
            insert(tx, 1).await
        });
        ended.await.unwrap();
        assert_eq!(diary.read(), "rolled back");
        assert_eq!(list(&mut test).await.unwrap(), [0; 0]);
        test.roll_back().await.unwrap();
    }

    #[test]
    async fn test_04_the_hooks_of_a_function_run_when_it_ends(db: &TestDb<DB>) {
        let diary = Diary::default();
        let mut test = TestTransaction::new(&db.pool);
        store(&mut test, 1, &diary).await.unwrap();
        assert_eq!(diary.read(), "before 1, committed 1");
        let outer = transaction(&mut test, async |tx| {
            store(&mut *tx, 2, &diary).await?;
            // Joined, it waits for the end of the outermost one.
            assert_eq!(diary.read(), "before 1, committed 1");
            Ok::<_, AppError>(())
        });
        outer.await.unwrap();
        assert_eq!(diary.read(), "before 1, committed 1, before 2, committed 2");
        let refused = transaction(&mut test, async |tx| {
            store(&mut *tx, 3, &diary).await?;
            Err::<(), _>(AppError::Refused(1))
        });
        assert!(refused.await.unwrap_err().is_refused(1));
        assert!(diary.read().ends_with("committed 2, rolled back 3"), "{}", diary.read());
        test.roll_back().await.unwrap();
        // Nothing was left to run.
        assert!(diary.read().ends_with("committed 2, rolled back 3"));
    }

    /// Hooks never wait for the end of the test.
    #[test]
    async fn test_07_no_hook_is_left_at_the_end(db: &TestDb<DB>) {
        let diary = Diary::default();
        let mut test = TestTransaction::new(&db.pool);
        store(&mut test, 1, &diary).await.unwrap();
        let ran = diary.read();
        test.roll_back().await.unwrap();
        db.assert_whole().await;
        assert_eq!((diary.read(), ran.as_str()), (ran.clone(), "before 1, committed 1"));
    }

    #[test]
    async fn test_06_after_an_error_it_can_go_on(db: &TestDb<DB>) {
        let diary = Diary::default();
        let mut test = TestTransaction::new(&db.pool);
        store(&mut test, 1, &diary).await.unwrap();
        let again = store(&mut test, 1, &diary).await.unwrap_err().into_database();
        assert!(again.as_database_error().unwrap().is_unique_violation());
        store(&mut test, 2, &diary).await.unwrap();
        assert_eq!(list(&mut test).await.unwrap(), [1, 2]);
        let vetoed = transaction(&mut test, async |tx| {
            tx.before_commit(|_| Box::pin(async { Err("no".into()) }));
            insert(tx, 3).await
        });
        let error = vetoed.await.unwrap_err();
        assert!(crate::expect::own(&error).is_vetoed());
        assert_eq!(list(&mut test).await.unwrap(), [1, 2]);
        test.roll_back().await.unwrap();
        db.assert_whole().await;
    }

    /// It is no transaction of the application's: what asks for the outermost one
    /// gets it, whatever else it asks for.
    #[test]
    async fn prop_24_an_outermost_function_runs_unchanged(db: &TestDb<DB>) {
        let diary = Diary::default();
        let mut test = TestTransaction::new(&db.pool);
        store(&mut test, 1, &diary).await.unwrap();
        assert_eq!(close(&mut test, &diary).await.unwrap(), 1);
        assert_eq!(list(&mut test).await.unwrap(), [1, 9]);
        test.roll_back().await.unwrap();
        assert_eq!(db.rows().await, [0; 0]);
    }

    /// A function that is dropped half-way is undone, and the next one runs.
    #[test]
    async fn a_dropped_function_is_undone(db: &TestDb<DB>) {
        if db.engine() == Engine::MySql {
            return; // A statement cut off there costs the connection.
        }
        let diary = Diary::default();
        let mut test = TestTransaction::new(&db.pool);
        {
            let mut dropped = Box::pin(transaction(&mut test, async |tx| {
                store(&mut *tx, 1, &diary).await?;
                std::future::pending::<Result<(), AppError>>().await
            }));
            while !diary.read().contains("here") {
                tokio::select! {
                    _ = &mut dropped => unreachable!("it never ends"),
                    () = tokio::time::sleep(std::time::Duration::from_millis(200)) => diary.write("here"),
                }
            }
        }
        assert_eq!(list(&mut test).await.unwrap(), [0; 0]);
        diary.assert_becomes("here, rolled back 1").await;
        test.roll_back().await.unwrap();
        db.assert_whole().await;
    }

    #[test(Setup::wired())]
    async fn a_function_is_a_savepoint_in_it(db: &TestDb<DB>) {
        let mut test = TestTransaction::new(&db.pool);
        store(&mut test, 1, &Diary::default()).await.unwrap();
        test.roll_back().await.unwrap();
        assert_sent(db, "BEGIN; SAVEPOINT s1; insert 1; RELEASE SAVEPOINT s1; ROLLBACK");
    }

    #[test]
    async fn a_watch_tells_what_a_transaction_did(db: &TestDb<DB>) {
        let diary = Diary::default();
        let mut test = TestTransaction::new(&db.pool);
        let calls = async {
            store(&mut test, 1, &diary).await?;
            let refused = on(&mut test).name("refused").run(async |tx| {
                insert(tx, 3).await?;
                Err::<(), _>(AppError::Refused(1))
            });
            assert!(refused.await.unwrap_err().is_refused(1));
            test.roll_back().await?;
            store(&db.pool, 2, &diary).await?;
            let nothing = on(&db.pool).name("nothing");
            nothing.run(async |_| Ok::<_, AppError>(())).await
        };
        let (ended, seen) = watch(calls).await;
        ended.unwrap();
        let told: Vec<_> = seen.iter().map(|seen| (seen.end, seen.rows)).collect();
        assert_eq!(
            told,
            [
                (End::Committed, 1),
                (End::RolledBack, 1),
                (End::Committed, 1),
                (End::Committed, 0),
            ]
        );
        assert_eq!(
            seen[2].statements,
            ["insert into notes (id, body) values (2, 'body')"]
        );
        assert!(seen[0].name.ends_with("::store"), "{}", seen[0].name);
        assert_eq!((seen[1].name, seen[3].name), ("refused", "nothing"));
    }
}

mod behind_a_wire {
    use super::*;
    use sqlx_transactional_tests::{Action, Point, for_engines};

    for_engines! {
        [postgres, mysql]

        #[test(Setup::wired())]
        async fn its_rollback_is_waited_for(db: &TestDb<DB>) {
            let wire = db.wire();
            let mut test = TestTransaction::new(&db.pool);
            transaction(&mut test, async |tx| insert(tx, 1).await).await.unwrap();
            wire.arm(Point::reply_to("ROLLBACK"), Action::Hold);
            tokio::select! {
                biased;
                _ = test.roll_back() => panic!("its answer is held"),
                () = wire.wait_until_held() => {}
            }
            wire.release();
            db.assert_whole().await;
            assert_eq!(db.rows().await, [0; 0]);
        }
    }
}
