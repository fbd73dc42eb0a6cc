//! A savepoint whose future is dropped, or whose body panics, is gone back to.

use std::{future::pending, panic::AssertUnwindSafe, time::Duration};

use futures_util::FutureExt;
use sqlx_transactional::{on, transaction};
use sqlx_transactional_tests::{Engine, Setup, TestDb, for_each_engine};
use tokio::{sync::oneshot, time::timeout};

use crate::{
    app::AppError,
    expect::doomed,
    slow,
    sql::{ids, insert, run},
    wire_text::{assert_sent, sent},
};

for_each_engine! {
    #[test(Setup::wired())]
    async fn one_that_is_dropped_is_gone_back_to(db: &TestDb<DB>) {
        let ended = transaction(&db.pool, async |tx| {
            insert(&mut *tx, 1).await?;
            let endless = tx.savepoint(async |tx| {
                insert(tx, 2).await?;
                pending::<Result<(), AppError>>().await
            });
            assert!(timeout(Duration::from_millis(200), endless).await.is_err());
            assert_eq!(ids(&mut *tx).await?, [1]);
            insert(&mut *tx, 3).await?;
            Ok::<_, AppError>(())
        });
        ended.await.unwrap();
        assert_eq!(db.rows().await, [1, 3]);
        assert_sent(
            db,
            "BEGIN; insert 1; SAVEPOINT s1; insert 2; \
             ROLLBACK TO SAVEPOINT s1; RELEASE SAVEPOINT s1; \
             select id from notes order by id; insert 3; COMMIT",
        );
        db.assert_whole().await;
    }

    /// The body does nothing more, so that it is the end that goes back.
    #[test(Setup::wired())]
    async fn one_that_is_dropped_last_is_gone_back_to(db: &TestDb<DB>) {
        let ended = transaction(&db.pool, async |tx| {
            insert(&mut *tx, 1).await?;
            let endless = on(&mut *tx).savepoint().run(async |tx| {
                insert(tx, 2).await?;
                pending::<Result<(), AppError>>().await
            });
            assert!(timeout(Duration::from_millis(200), endless).await.is_err());
            Ok::<_, AppError>(())
        });
        ended.await.unwrap();
        assert_eq!(db.rows().await, [1]);
        assert_sent(
            db,
            "BEGIN; insert 1; SAVEPOINT s1; insert 2; \
             ROLLBACK TO SAVEPOINT s1; RELEASE SAVEPOINT s1; COMMIT",
        );
        db.assert_whole().await;
    }

    #[test]
    async fn two_that_are_dropped_together_are_gone_back_to(db: &TestDb<DB>) {
        let ended = transaction(&db.pool, async |tx| {
            insert(&mut *tx, 1).await?;
            let endless = tx.savepoint(async |tx| {
                insert(&mut *tx, 2).await?;
                let deeper = tx.savepoint(async |tx| {
                    insert(tx, 3).await?;
                    pending::<Result<(), AppError>>().await
                });
                deeper.await
            });
            assert!(timeout(Duration::from_millis(200), endless).await.is_err());
            insert(&mut *tx, 4).await?;
            Ok::<_, AppError>(())
        });
        ended.await.unwrap();
        assert_eq!(db.rows().await, [1, 4]);
        db.assert_whole().await;
    }

    /// Going back to the outer one undoes the inner one as well.
    #[test(Setup::wired())]
    async fn one_that_fails_around_a_dropped_one_is_gone_back_to_alone(db: &TestDb<DB>) {
        let ended = transaction(&db.pool, async |tx| {
            insert(&mut *tx, 1).await?;
            let fails = tx.savepoint(async |tx| {
                insert(&mut *tx, 2).await?;
                let endless = tx.savepoint(async |tx| {
                    insert(tx, 3).await?;
                    pending::<Result<(), AppError>>().await
                });
                assert!(timeout(Duration::from_millis(200), endless).await.is_err());
                Err::<(), _>(AppError::Refused(1))
            });
            assert!(fails.await.unwrap_err().is_refused(1));
            insert(&mut *tx, 4).await?;
            Ok::<_, AppError>(())
        });
        ended.await.unwrap();
        assert_eq!(db.rows().await, [1, 4]);
        assert_sent(
            db,
            "BEGIN; insert 1; SAVEPOINT s1; insert 2; SAVEPOINT s2; insert 3; \
             ROLLBACK TO SAVEPOINT s1; RELEASE SAVEPOINT s1; insert 4; COMMIT",
        );
        db.assert_whole().await;
    }

    #[test]
    async fn one_that_panics_is_gone_back_to(db: &TestDb<DB>) {
        let ended = transaction(&db.pool, async |tx| {
            insert(&mut *tx, 1).await?;
            let panics = tx.savepoint(async |tx| -> Result<(), AppError> {
                insert(tx, 2).await?;
                std::panic::resume_unwind(Box::new("inside"));
            });
            assert!(AssertUnwindSafe(panics).catch_unwind().await.is_err());
            insert(&mut *tx, 3).await?;
            Ok::<_, AppError>(())
        });
        ended.await.unwrap();
        assert_eq!(db.rows().await, [1, 3]);
        db.assert_whole().await;
    }

    /// Its statement may have run or not, which going back to it undoes; on
    /// MySQL the protocol is out of step and the connection lost.
    #[test(Setup::wired())]
    async fn one_that_is_dropped_inside_a_statement(db: &TestDb<DB>) {
        let (about_to, begins) = oneshot::channel();
        let ended = transaction(&db.pool, async |tx| {
            insert(&mut *tx, 1).await?;
            let inner = tx.savepoint(async |tx| {
                insert(&mut *tx, 9).await?;
                about_to.send(()).unwrap();
                run(tx, slow::insert::<DB>()).await
            });
            tokio::select! {
                // First, so that the statement is under way.
                biased;
                _ = inner => panic!("it takes a while"),
                _ = begins => {}
            }
            insert(&mut *tx, 3).await?;
            Ok::<_, AppError>(())
        });
        let answer = ended.await;
        if db.engine() == Engine::MySql {
            let _ = doomed(&answer.unwrap_err());
            let sent = sent(db).unwrap();
            assert!(!sent.contains("ROLLBACK"), "nothing more can be asked of it: {sent}");
            db.assert_whole().await;
            assert_eq!(db.rows().await, [0; 0]);
        } else {
            answer.unwrap();
            db.assert_whole().await;
            assert_eq!(db.rows().await, [1, 3]);
        }
    }

    /// The error comes as the answer to whatever is sent next, and is nobody's.
    #[test(Setup::wired())]
    async fn one_that_is_dropped_inside_a_statement_that_fails(db: &TestDb<DB>) {
        let (about_to, begins) = oneshot::channel();
        let ended = transaction(&db.pool, async |tx| {
            insert(&mut *tx, 2).await?;
            let inner = tx.savepoint(async |tx| {
                insert(&mut *tx, 9).await?;
                about_to.send(()).unwrap();
                // The note 2 is there already.
                run(tx, slow::insert::<DB>()).await
            });
            tokio::select! {
                biased;
                _ = inner => panic!("it takes a while"),
                _ = begins => {}
            }
            insert(&mut *tx, 3).await?;
            Ok::<_, AppError>(())
        });
        let answer = ended.await;
        if db.engine() == Engine::MySql {
            answer.unwrap_err();
            db.assert_whole().await;
            assert_eq!(db.rows().await, [0; 0]);
        } else {
            answer.unwrap();
            db.assert_whole().await;
            assert_eq!(db.rows().await, [2, 3]);
        }
    }

    /// The next savepoint comes before anything else is sent.
    #[test(Setup::wired())]
    async fn one_that_is_dropped_is_gone_back_to_before_the_next_is_set(db: &TestDb<DB>) {
        let ended = transaction(&db.pool, async |tx| {
            insert(&mut *tx, 1).await?;
            for id in [2, 3] {
                let endless = tx.savepoint(async |tx| {
                    insert(tx, id).await?;
                    pending::<Result<(), AppError>>().await
                });
                assert!(timeout(Duration::from_millis(200), endless).await.is_err());
            }
            tx.savepoint(async |tx| insert(tx, 4).await).await?;
            Ok::<_, AppError>(())
        });
        ended.await.unwrap();
        assert_eq!(db.rows().await, [1, 4]);
        assert_sent(
            db,
            "BEGIN; insert 1; SAVEPOINT s1; insert 2; \
             ROLLBACK TO SAVEPOINT s1; RELEASE SAVEPOINT s1; SAVEPOINT s2; insert 3; \
             ROLLBACK TO SAVEPOINT s2; RELEASE SAVEPOINT s2; SAVEPOINT s3; insert 4; \
             RELEASE SAVEPOINT s3; COMMIT",
        );
        db.assert_whole().await;
    }

    /// The savepoint around it ends first, well or not.
    #[test]
    async fn one_that_is_dropped_in_another(db: &TestDb<DB>) {
        let ended = transaction(&db.pool, async |tx| {
            insert(&mut *tx, 1).await?;
            for (id, end) in [(10, Ok(())), (20, Err(1))] {
                let around = tx.savepoint(async |tx| {
                    insert(&mut *tx, id).await?;
                    let endless = tx.savepoint(async |tx| {
                        insert(tx, id + 1).await?;
                        pending::<Result<(), AppError>>().await
                    });
                    assert!(timeout(Duration::from_millis(200), endless).await.is_err());
                    end.map_err(AppError::Refused)
                });
                assert_eq!(around.await.is_ok(), end.is_ok());
            }
            insert(&mut *tx, 2).await?;
            Ok::<_, AppError>(())
        });
        ended.await.unwrap();
        assert_eq!(db.rows().await, [1, 2, 10]);
        db.assert_whole().await;
    }
}
