//! Hooks that run as the last of the transaction, and can refuse it.

use std::{error::Error as _, panic::AssertUnwindSafe, time::Duration};

use futures_util::FutureExt;
use sqlx_transactional::{Limits, Tx, on, testing::watch, transaction, transactional};
use sqlx_transactional_tests::{Setup, TestDb, for_each_engine};

use crate::{
    app::AppError,
    diary::Diary,
    expect::{doomed, own},
    sql::{ids, insert, run},
    wire_text::assert_sent,
};

for_each_engine! {
    /// Stores the note, and its shadow at the end.
    #[transactional]
    async fn store(tx: &mut Tx<'_, DB>, id: i64) -> Result<(), AppError> {
        tx.before_commit(move |tx| Box::pin(async move { Ok(insert(tx, id + 100).await?) }));
        insert(tx, id).await?;
        Ok(())
    }

    #[test(Setup::wired())]
    async fn hook_15_it_runs_inside_behind_the_body(db: &TestDb<DB>) {
        let diary = Diary::default();
        let ended = transaction(&db.pool, async |tx| {
            tx.after_commit(diary.hook("after"));
            let before = diary.clone();
            tx.before_commit(move |_| Box::pin(async move { before.write("before"); Ok(()) }));
            store(&mut *tx, 1).await?;
            insert(tx, 2).await?;
            diary.write("body");
            Ok::<_, AppError>(())
        });
        ended.await.unwrap();
        assert_sent(db, "BEGIN; insert 1; insert 2; insert 101; COMMIT");
        assert_eq!(diary.read(), "body, before, after");
        assert_eq!(db.rows().await, [1, 2, 101]);
        db.assert_whole().await;
    }

    #[test]
    async fn hook_17_one_that_refuses_rolls_back(db: &TestDb<DB>) {
        let diary = Diary::default();
        let ended = transaction(&db.pool, async |tx| {
            tx.after_commit(diary.hook("committed"));
            tx.after_rollback(diary.hook("rolled back"));
            tx.before_commit(|_| Box::pin(async { Err("the sum is wrong".into()) }));
            let unasked = diary.clone();
            tx.before_commit(move |_| Box::pin(async move { unasked.write("asked"); Ok(()) }));
            Ok::<_, AppError>(insert(tx, 1).await?)
        });
        let error = ended.await.unwrap_err().into_database();
        let own = own(&error);
        assert!(own.is_vetoed() && !own.is_doomed());
        assert_eq!(own.sqlstate(), "40000");
        assert_eq!(own.source().unwrap().to_string(), "the sum is wrong");
        assert!(own.to_string().contains("the sum is wrong"));
        assert_eq!((db.rows().await, diary.read()), (vec![], "rolled back".to_owned()));
        db.assert_whole().await;
    }

    /// Its statements are the transaction's, and their errors reach the caller as
    /// they are.
    #[test]
    async fn a_statement_that_fails_in_it_is_the_error(db: &TestDb<DB>) {
        let ended = transaction(&db.pool, async |tx| {
            tx.before_commit(|tx| Box::pin(async move { Ok(insert(tx, 1).await?) }));
            insert(tx, 1).await
        });
        let error = ended.await.unwrap_err();
        assert!(error.as_database_error().unwrap().is_unique_violation(), "{error:?}");
        assert_eq!(db.rows().await, [0; 0]);
        db.assert_whole().await;
    }

    #[test]
    async fn a_swallowed_error_in_it_dooms(db: &TestDb<DB>) {
        let ended = transaction(&db.pool, async |tx| {
            tx.before_commit(|tx| {
                Box::pin(async move {
                    let part = transaction(tx, async |tx| {
                        insert(tx, 2).await?;
                        Err::<(), _>(AppError::Refused(1))
                    });
                    let _ = part.await;
                    Ok(())
                })
            });
            insert(tx, 1).await
        });
        doomed(&ended.await.unwrap_err());
        assert_eq!(db.rows().await, [0; 0]);
        db.assert_whole().await;
    }

    #[test]
    async fn it_does_not_run_where_nothing_is_committed(db: &TestDb<DB>) {
        let diary = Diary::default();
        let store = async |tx: &mut Tx<'_, DB>| {
            let ran = diary.clone();
            tx.before_commit(move |_| Box::pin(async move { ran.write("ran"); Ok(()) }));
            insert(tx, 1).await
        };
        let refused = transaction(&db.pool, async |tx| {
            store(tx).await?;
            Err::<(), _>(AppError::Refused(1))
        });
        assert!(refused.await.unwrap_err().is_refused(1));
        let asked = transaction(&db.pool, async |tx| {
            tx.roll_back();
            store(tx).await
        });
        asked.await.unwrap();
        let undone = transaction(&db.pool, async |tx| {
            let part = tx.savepoint(async |tx| {
                store(tx).await?;
                Err::<(), _>(AppError::Refused(1))
            });
            part.await.unwrap_err();
            Ok::<_, AppError>(())
        });
        undone.await.unwrap();
        let panicked = transaction(&db.pool, async |tx| -> Result<(), AppError> {
            store(tx).await?;
            std::panic::resume_unwind(Box::new("in the body"));
        });
        AssertUnwindSafe(panicked).catch_unwind().await.unwrap_err();
        db.assert_whole().await;
        assert_eq!((diary.read(), db.rows().await), (String::new(), vec![]));
    }

    #[test]
    async fn those_of_a_released_savepoint_wait_for_the_end(db: &TestDb<DB>) {
        let ended = transaction(&db.pool, async |tx| {
            tx.savepoint(async |tx| store(tx, 1).await).await?;
            assert_eq!(ids(&mut *tx).await?, [1]);
            Ok::<_, AppError>(())
        });
        ended.await.unwrap();
        assert_eq!(db.rows().await, [1, 101]);
    }

    #[test]
    async fn a_savepoint_that_is_undone_takes_only_its_own(db: &TestDb<DB>) {
        let ended = transaction(&db.pool, async |tx| {
            store(&mut *tx, 1).await?;
            let undone = tx.savepoint(async |tx| {
                store(tx, 2).await?;
                Err::<(), _>(AppError::Refused(1))
            });
            undone.await.unwrap_err();
            Ok::<_, AppError>(())
        });
        ended.await.unwrap();
        assert_eq!(db.rows().await, [1, 101]);
    }

    /// It is looked at behind the hook as it is behind the body.
    #[test]
    async fn an_end_of_the_transaction_in_it_is_told(db: &TestDb<DB>) {
        let diary = Diary::default();
        let ended = transaction(&db.pool, async |tx| {
            tx.after_commit(diary.hook("committed"));
            tx.before_commit(|tx| {
                Box::pin(async move { Ok(run(tx.connection().await?, "rollback").await?) })
            });
            insert(tx, 1).await
        });
        let error = ended.await.unwrap_err();
        assert!(own(&error).is_ended_early(), "{error:?}");
        assert_eq!((db.rows().await, diary.read()), (vec![], String::new()));
        db.assert_whole().await;
    }

    /// What a hook registers runs after it; a lazy transaction begins for it.
    #[test(Setup::wired())]
    async fn it_may_register_another_and_be_the_first_statement(db: &TestDb<DB>) {
        let ended = transaction(&db.pool, async |tx| {
            tx.before_commit(|tx| {
                Box::pin(async move {
                    tx.before_commit(|tx| Box::pin(async move { Ok(insert(tx, 2).await?) }));
                    Ok(insert(tx, 1).await?)
                })
            });
            Ok::<_, AppError>(())
        });
        ended.await.unwrap();
        assert_sent(db, "BEGIN; insert 1; insert 2; COMMIT");
        assert_eq!(db.rows().await, [1, 2]);
        db.assert_whole().await;
    }

    #[test]
    async fn a_panic_in_it_goes_on(db: &TestDb<DB>) {
        let ended = transaction(&db.pool, async |tx| {
            tx.before_commit(|_| Box::pin(async { panic!("in a hook") }));
            insert(tx, 1).await
        });
        AssertUnwindSafe(ended).catch_unwind().await.unwrap_err();
        db.assert_whole().await;
        assert_eq!(db.rows().await, [0; 0]);
    }

    #[test]
    async fn it_is_within_the_time_of_the_call(db: &TestDb<DB>) {
        let limits = Limits::new().timeout(Duration::from_millis(200));
        let ended = on(&db.pool).limits(limits).run(async |tx| {
            tx.before_commit(|_| Box::pin(std::future::pending()));
            insert(tx, 1).await
        });
        let error = ended.await.unwrap_err();
        assert!(own(&error).is_timed_out(), "{error:?}");
        assert_eq!(db.rows().await, [0; 0]);
        db.assert_whole().await;
    }

    #[test]
    async fn inside_somebody_elses_transaction_it_is_refused(db: &TestDb<DB>) {
        let mut theirs = db.pool.begin().await.unwrap();
        let ended = store(&mut theirs, 1).await;
        let error = ended.unwrap_err().into_database();
        assert!(own(&error).is_unsupported(), "{error:?}");
        theirs.rollback().await.unwrap();
        assert_eq!(db.rows().await, [0; 0]);
    }

    #[test]
    async fn its_statements_are_seen_by_a_watch(db: &TestDb<DB>) {
        let (ended, seen) = watch(store(&db.pool, 1)).await;
        ended.unwrap();
        let [seen] = &seen[..] else { panic!("{seen:?}") };
        assert_eq!((seen.statements.len(), seen.rows), (2, 2));
    }
}
