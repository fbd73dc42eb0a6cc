//! Hooks registered inside: they wait for the outermost end, and go with their
//! savepoint.

use sqlx_transactional::{Tx, transaction, transactional};
use sqlx_transactional_tests::{Setup, TestDb, for_each_engine};

use crate::{app::AppError, diary::Diary, sql::insert};

for_each_engine! {
    #[transactional]
    async fn joined(tx: &mut Tx<'_, DB>, id: i64, diary: &Diary) -> Result<(), AppError> {
        tx.after_commit(diary.hook(format!("joined {id}")));
        insert(tx, id).await?;
        Ok(())
    }

    #[transactional(savepoint)]
    async fn nested(
        tx: &mut Tx<'_, DB>,
        id: i64,
        diary: &Diary,
        end: Result<(), u32>,
    ) -> Result<(), AppError> {
        tx.after_commit(diary.hook(format!("nested {id}")));
        tx.after_rollback(diary.hook(format!("nested {id} undone")));
        insert(tx, id).await?;
        end.map_err(AppError::Refused)
    }

    /// Called inside a transaction only.
    async fn mandatory(tx: &mut Tx<'_, DB>, id: i64, diary: &Diary) -> Result<(), AppError> {
        tx.after_commit(diary.hook("mandatory"));
        insert(tx, id).await?;
        Ok(())
    }

    #[test]
    async fn hook_03_those_of_inner_scopes_wait_for_the_outermost_commit(db: &TestDb<DB>) {
        let diary = Diary::default();
        let ended = transaction(&db.pool, async |tx| {
            joined(&mut *tx, 1, &diary).await?;
            nested(&mut *tx, 2, &diary, Ok(())).await?;
            assert_eq!(diary.read(), "");
            insert(&mut *tx, 3).await?;
            diary.write("body");
            Ok::<_, AppError>(())
        });
        ended.await.unwrap();
        assert_eq!(diary.read(), "body, joined 1, nested 2");
        db.assert_whole().await;
    }

    #[test]
    async fn hook_25_one_of_a_mandatory_function_waits_for_the_outer_commit(db: &TestDb<DB>) {
        let diary = Diary::default();
        let ended = transaction(&db.pool, async |tx| {
            mandatory(tx, 1, &diary).await?;
            assert_eq!(diary.read(), "");
            assert_eq!(db.rows().await, [0; 0]);
            Ok::<_, AppError>(())
        });
        ended.await.unwrap();
        assert_eq!(diary.read(), "mandatory");
    }

    #[test]
    async fn hook_04_those_of_a_rolled_back_savepoint_are_dropped(db: &TestDb<DB>) {
        let diary = Diary::default();
        let ended = transaction(&db.pool, async |tx| {
            nested(&mut *tx, 1, &diary, Ok(())).await?;
            assert!(nested(&mut *tx, 2, &diary, Err(1)).await.is_err());
            nested(&mut *tx, 3, &diary, Ok(())).await?;
            Ok::<_, AppError>(())
        });
        ended.await.unwrap();
        assert_eq!(diary.read(), "nested 1, nested 3");
        assert_eq!(db.rows().await, [1, 3]);
        db.assert_whole().await;
    }

    /// Also where it was dropped, doomed, or asked to roll back.
    #[test]
    async fn hook_04_whatever_the_savepoint_was_rolled_back_for(db: &TestDb<DB>) {
        let diary = Diary::default();
        let ended = transaction(&db.pool, async |tx| {
            insert(&mut *tx, 1).await?;
            let asked = tx.savepoint(async |tx| {
                nested(&mut *tx, 2, &diary, Ok(())).await?;
                tx.roll_back();
                Ok::<_, AppError>(())
            });
            asked.await?;
            let doomed = tx.savepoint(async |tx| {
                let _ = transaction(&mut *tx, async |tx| {
                    nested(tx, 3, &diary, Ok(())).await?;
                    Err::<(), _>(AppError::Refused(1))
                })
                .await;
                Ok::<_, AppError>(())
            });
            assert!(doomed.await.is_err());
            let dropped = tx.savepoint(async |tx| {
                nested(tx, 4, &diary, Ok(())).await?;
                std::future::pending::<Result<(), AppError>>().await
            });
            let limit = std::time::Duration::from_millis(200);
            assert!(tokio::time::timeout(limit, dropped).await.is_err());
            tx.after_commit(diary.hook("last"));
            Ok::<_, AppError>(())
        });
        ended.await.unwrap();
        assert_eq!(diary.read(), "last");
        assert_eq!(db.rows().await, [1]);
        db.assert_whole().await;
    }

    #[test]
    async fn hook_05_those_of_a_released_savepoint_go_with_the_one_around_it(db: &TestDb<DB>) {
        let diary = Diary::default();
        let ended = transaction(&db.pool, async |tx| {
            tx.after_commit(diary.hook("outer"));
            let around = tx.savepoint(async |tx| {
                nested(&mut *tx, 1, &diary, Ok(())).await?;
                joined(&mut *tx, 2, &diary).await?;
                Err::<(), _>(AppError::Refused(1))
            });
            assert!(around.await.is_err());
            insert(tx, 3).await?;
            Ok::<_, AppError>(())
        });
        ended.await.unwrap();
        assert_eq!(diary.read(), "outer");
        assert_eq!(db.rows().await, [3]);
        db.assert_whole().await;
    }

    /// In the order in which they were registered, which here is one order for
    /// every end. Elsewhere the deepest come first.
    #[test(Setup::wired())]
    async fn hook_27_each_rollback_hook_runs_once(db: &TestDb<DB>) {
        let diary = Diary::default();
        let ended = transaction(&db.pool, async |tx| {
            tx.after_rollback(diary.hook("outer"));
            let around = tx.savepoint(async |tx| {
                nested(&mut *tx, 1, &diary, Ok(())).await?;
                nested(tx, 2, &diary, Ok(())).await
            });
            around.await?;
            Err::<(), _>(AppError::Refused(1))
        });
        assert!(ended.await.is_err());
        assert_eq!(diary.read(), "outer, nested 1 undone, nested 2 undone");
        db.assert_whole().await;
    }
}
