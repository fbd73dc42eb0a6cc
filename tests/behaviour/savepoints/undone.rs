//! A savepoint that fails undoes what it did, and only that.

use sqlx_transactional::{Tx, transaction, transactional};
use sqlx_transactional_tests::{Engine, Setup, TestDb, for_each_engine};

use crate::{
    app::AppError,
    expect::{doomed, engine_code},
    sql::{ids, insert},
    wire_text::{assert_sent, sent},
};

for_each_engine! {
    #[transactional(savepoint)]
    async fn fail_nested(tx: &mut Tx<'_, DB>, id: i64) -> Result<(), AppError> {
        insert(tx, id).await?;
        Err(AppError::Refused(2))
    }

    #[transactional]
    async fn fail_joined(tx: &mut Tx<'_, DB>, id: i64) -> Result<(), AppError> {
        insert(tx, id).await?;
        Err(AppError::Refused(3))
    }

    #[test(Setup::wired())]
    async fn sp_03_a_failed_one_is_gone_back_to_and_released(db: &TestDb<DB>) {
        let ended = transaction(&db.pool, async |tx| {
            insert(&mut *tx, 1).await?;
            assert!(fail_nested(&mut *tx, 2).await.unwrap_err().is_refused(2));
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

    /// What is refused in it needs no mark, and neither does what comes behind it.
    #[test(Setup::wired())]
    async fn connection_that_was_refused_in_it_costs_nothing(db: &TestDb<DB>) {
        let ended = transaction(&db.pool, async |tx| {
            insert(&mut *tx, 1).await?;
            let part = tx.savepoint(async |tx| {
                let joined = transaction(&mut *tx, async |tx| {
                    insert(tx, 2).await?;
                    Err::<(), _>(AppError::Refused(1))
                });
                drop(joined.await);
                Ok::<_, AppError>(tx.connection().await.map(drop)?)
            });
            let _ = doomed(&part.await.unwrap_err());
            insert(tx, 3).await.map_err(AppError::from)
        });
        ended.await.unwrap();
        assert_eq!(db.rows().await, [1, 3]);
        assert_sent(
            db,
            "BEGIN; insert 1; SAVEPOINT s1; insert 2; \
             ROLLBACK TO SAVEPOINT s1; RELEASE SAVEPOINT s1; insert 3; COMMIT",
        );
    }

    /// PostgreSQL would refuse every further statement.
    #[test]
    async fn a_statement_error_in_it_does_not_doom_the_rest(db: &TestDb<DB>) {
        let ended = transaction(&db.pool, async |tx| {
            insert(&mut *tx, 1).await?;
            let twice = tx.savepoint(async |tx| {
                insert(&mut *tx, 2).await?;
                insert(&mut *tx, 1).await
            });
            let error = twice.await.unwrap_err();
            assert!(error.as_database_error().unwrap().is_unique_violation());
            assert_eq!(ids(&mut *tx).await?, [1]);
            insert(&mut *tx, 3).await?;
            Ok::<_, AppError>(())
        });
        ended.await.unwrap();
        assert_eq!(db.rows().await, [1, 3]);
        db.assert_whole().await;
    }

    /// Swallowed inside the savepoint it is the savepoint that is doomed.
    #[test]
    async fn a_swallowed_error_is_told_by_the_savepoint(db: &TestDb<DB>) {
        let ended = transaction(&db.pool, async |tx| {
            insert(&mut *tx, 1).await?;
            let swallowed = tx.savepoint(async |tx| {
                insert(&mut *tx, 2).await?;
                let _ = insert(&mut *tx, 1).await;
                Ok::<_, AppError>(())
            });
            let answer = swallowed.await;
            if db.engine() == Engine::Postgres {
                assert_eq!(engine_code(doomed(&answer.unwrap_err())), "23505");
                assert_eq!(ids(&mut *tx).await?, [1]);
            } else {
                answer.unwrap();
                assert_eq!(ids(&mut *tx).await?, [1, 2]);
            }
            insert(&mut *tx, 3).await?;
            Ok::<_, AppError>(())
        });
        ended.await.unwrap();
        let kept: &[i64] = if db.engine() == Engine::Postgres { &[1, 3] } else { &[1, 2, 3] };
        assert_eq!(db.rows().await, kept);
        db.assert_whole().await;
    }

    #[test(Setup::wired())]
    async fn rbo_06_a_joined_failure_in_it_reaches_no_further(db: &TestDb<DB>) {
        let ended = transaction(&db.pool, async |tx| {
            insert(&mut *tx, 1).await?;
            let nested = tx.savepoint(async |tx| {
                insert(&mut *tx, 2).await?;
                fail_joined(tx, 3).await
            });
            assert!(nested.await.unwrap_err().is_refused(3));
            insert(&mut *tx, 4).await?;
            Ok::<_, AppError>(())
        });
        ended.await.unwrap();
        assert_eq!(db.rows().await, [1, 4]);
        db.assert_whole().await;
    }

    /// The nearest savepoint around the joined call is what is rolled back.
    #[test(Setup::wired())]
    async fn rbo_10_a_swallowed_joined_failure_dooms_the_nearest_savepoint(db: &TestDb<DB>) {
        let ended = transaction(&db.pool, async |tx| {
            insert(&mut *tx, 1).await?;
            let outer = tx.savepoint(async |tx| {
                insert(&mut *tx, 2).await?;
                let inner = tx.savepoint(async |tx| {
                    let _ = fail_joined(&mut *tx, 3).await;
                    let _ = doomed(&insert(&mut *tx, 4).await.unwrap_err());
                    Ok::<_, AppError>(())
                });
                let _ = doomed(&inner.await.unwrap_err());
                insert(&mut *tx, 5).await?;
                Ok::<_, AppError>(())
            });
            outer.await?;
            insert(&mut *tx, 6).await?;
            Ok::<_, AppError>(())
        });
        ended.await.unwrap();
        assert_eq!(db.rows().await, [1, 2, 5, 6]);
        db.assert_whole().await;
    }

    /// sqlx's own savepoints would pile up.
    #[test(Setup::wired())]
    async fn sp_04_fifty_failures_leave_no_savepoint(db: &TestDb<DB>) {
        let ended = transaction(&db.pool, async |tx| {
            for id in 0..50 {
                assert!(fail_nested(&mut *tx, id).await.unwrap_err().is_refused(2));
            }
            insert(&mut *tx, 99).await?;
            Ok::<_, AppError>(())
        });
        ended.await.unwrap();
        assert_eq!(db.rows().await, [99]);
        if let Some(sent) = sent(db) {
            let each = |number: usize| {
                format!(
                    "SAVEPOINT s{number}; insert {}; \
                     ROLLBACK TO SAVEPOINT s{number}; RELEASE SAVEPOINT s{number}; ",
                    number - 1
                )
            };
            let all: String = (1..=50).map(each).collect();
            assert_eq!(sent, format!("BEGIN; {all}insert 99; COMMIT"));
        }
        db.assert_whole().await;
    }

    #[test(Setup::wired())]
    async fn roll_back_in_it_is_asked_of_it_alone(db: &TestDb<DB>) {
        let ended = transaction(&db.pool, async |tx| {
            insert(&mut *tx, 1).await?;
            let undone = tx.savepoint(async |tx| {
                insert(&mut *tx, 2).await?;
                tx.roll_back();
                Ok::<_, AppError>(7)
            });
            assert_eq!(undone.await?, 7);
            insert(&mut *tx, 3).await?;
            Ok::<_, AppError>(())
        });
        ended.await.unwrap();
        assert_eq!(db.rows().await, [1, 3]);
        assert_sent(
            db,
            "BEGIN; insert 1; SAVEPOINT s1; insert 2; \
             ROLLBACK TO SAVEPOINT s1; RELEASE SAVEPOINT s1; insert 3; COMMIT",
        );
        db.assert_whole().await;
    }

    #[test(Setup::wired())]
    async fn roll_back_before_it_still_holds_after_it(db: &TestDb<DB>) {
        let ended = transaction(&db.pool, async |tx| {
            tx.roll_back();
            tx.savepoint(async |tx| insert(tx, 1).await).await?;
            Ok::<_, AppError>(())
        });
        ended.await.unwrap();
        assert_eq!(db.rows().await, [0; 0]);
        assert_sent(
            db,
            "BEGIN; SAVEPOINT s1; insert 1; RELEASE SAVEPOINT s1; ROLLBACK",
        );
        db.assert_whole().await;
    }

    #[test(Setup::wired())]
    async fn one_in_a_doomed_transaction_sends_nothing(db: &TestDb<DB>) {
        let ended = transaction(&db.pool, async |tx| {
            let _ = fail_joined(&mut *tx, 1).await;
            let refused = tx.savepoint(async |tx| insert(tx, 2).await);
            let _ = doomed(&refused.await.unwrap_err());
            let empty = tx.savepoint(async |_| Ok::<_, AppError>(()));
            let _ = doomed(&empty.await.unwrap_err());
            let failed = tx.savepoint(async |_| Err::<(), _>(AppError::Refused(4)));
            assert!(failed.await.unwrap_err().is_refused(4));
            // None of these has lifted the doom.
            let _ = doomed(&insert(&mut *tx, 5).await.unwrap_err());
            Ok::<_, AppError>(())
        });
        let _ = doomed(&ended.await.unwrap_err());
        assert_sent(db, "BEGIN; insert 1; ROLLBACK");
        assert_eq!(db.rows().await, [0; 0]);
        db.assert_whole().await;
    }
}
