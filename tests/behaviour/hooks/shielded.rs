//! Hooks when the caller goes away, the COMMIT fails, or the connection does.

use std::time::Duration;

use sqlx_transactional::transaction;
use sqlx_transactional_tests::{Action, Point, Setup, TestDb, for_each_engine, for_engines};
use tokio::{sync::oneshot, time::timeout};

use crate::{
    app::AppError,
    diary::Diary,
    expect::{engine_code, own},
    sql::{insert, run},
};

mod the_caller_goes_away {
    use super::*;

    for_each_engine! {
        #[test]
        async fn hook_28_a_slow_hook_runs_on_without_its_caller(db: &TestDb<DB>) {
            let diary = Diary::default();
            let (go, wait) = oneshot::channel::<()>();
            let ended = transaction(&db.pool, async |tx| {
                insert(&mut *tx, 1).await?;
                let slow = diary.clone();
                tx.after_commit(async move {
                    slow.write("begun");
                    wait.await.unwrap();
                    slow.write("done");
                });
                tx.after_commit(diary.hook("next"));
                Ok::<_, AppError>(())
            });
            let mut ended = Box::pin(ended);
            tokio::select! {
                _ = &mut ended => panic!("its hook waits"),
                () = diary.assert_becomes("begun") => drop(ended),
            }
            assert_eq!(db.rows().await, [1]);
            // The connection is already back: a hook holds none.
            db.assert_whole().await;
            go.send(()).unwrap();
            diary.assert_becomes("begun, done, next").await;
        }
    }
}

mod the_end_fails {
    use super::*;

    for_engines! {
        [sqlite, postgres]

        #[test]
        async fn hook_19_a_refused_commit_is_a_rollback(db: &TestDb<DB>) {
            let replies = "create table replies (note bigint not null references notes (id) \
                           deferrable initially deferred)";
            run(&db.pool, replies).await.unwrap();
            let diary = Diary::default();
            let ended = transaction(&db.pool, async |tx| {
                tx.after_commit(diary.hook("committed"));
                tx.after_rollback(diary.hook("rolled back"));
                run(tx, "insert into replies (note) values (99)").await?;
                Ok::<_, AppError>(())
            });
            let _ = engine_code(&ended.await.unwrap_err().into_database());
            assert_eq!(diary.read(), "rolled back");
            db.assert_whole().await;
        }
    }

    mod behind_a_wire {
        use super::*;

        for_engines! {
            [postgres, mysql]

            #[test(Setup::wired())]
            async fn hook_19_an_unknown_outcome_runs_neither(db: &TestDb<DB>) {
                let diary = Diary::default();
                db.wire().arm(Point::reply_to("COMMIT"), Action::Cut);
                let ended = transaction(&db.pool, async |tx| {
                    tx.after_commit(diary.hook("committed"));
                    tx.after_rollback(diary.hook("rolled back"));
                    insert(tx, 1).await?;
                    Ok::<_, AppError>(())
                });
                let error = ended.await.unwrap_err();
                assert!(own(&error).is_outcome_unknown());
                assert_eq!(own(&error).sqlstate(), "08007");
                db.assert_whole().await;
                assert_eq!(db.rows().await, [1], "here it was in fact committed");
                assert_eq!(diary.read(), "");
            }

            #[test(Setup::wired())]
            async fn hook_09_the_hooks_of_a_lost_connection_do_not_run_later(db: &TestDb<DB>) {
                let diary = Diary::default();
                let ended = transaction(&db.pool, async |tx| {
                    tx.after_commit(diary.hook("committed"));
                    tx.after_rollback(diary.hook("rolled back"));
                    insert(&mut *tx, 1).await?;
                    db.wire().cut_all().await;
                    insert(tx, 2).await?;
                    Ok::<_, AppError>(())
                });
                ended.await.unwrap_err();
                diary.assert_becomes("rolled back").await;
                transaction(&db.pool, async |tx| insert(tx, 3).await).await.unwrap();
                assert_eq!(db.rows().await, [3]);
                assert_eq!(diary.read(), "rolled back");
                db.assert_whole().await;
            }

            /// The caller is gone before the COMMIT was answered.
            #[test(Setup::wired())]
            async fn can_03_a_commit_without_its_caller_runs_its_hooks(db: &TestDb<DB>) {
                let wire = db.wire();
                let diary = Diary::default();
                wire.arm(Point::reply_to("COMMIT"), Action::Hold);
                let ended = transaction(&db.pool, async |tx| {
                    tx.after_commit(diary.hook("committed"));
                    tx.after_rollback(diary.hook("rolled back"));
                    insert(tx, 1).await.map_err(AppError::from)
                });
                tokio::select! {
                    _ = ended => panic!("its COMMIT is held"),
                    () = wire.wait_until_held() => {}
                }
                assert_eq!(diary.read(), "");
                wire.release();
                diary.assert_becomes("committed").await;
                db.assert_whole().await;
                assert_eq!(db.rows().await, [1]);
            }

            /// The hook waits for the connection, which is lost meanwhile.
            #[test(Setup::wired())]
            async fn a_hook_that_hangs_keeps_nobody_else(db: &TestDb<DB>) {
                let ended = transaction(&db.pool, async |tx| {
                    insert(&mut *tx, 1).await?;
                    tx.after_commit(std::future::pending());
                    Ok::<_, AppError>(())
                });
                assert!(timeout(Duration::from_millis(500), ended).await.is_err());
                assert_eq!(db.rows().await, [1]);
                db.assert_whole().await;
            }
        }
    }
}
