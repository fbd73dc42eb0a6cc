//! Every end a transaction can have, and what the caller and the database get.

mod commit_refused;
mod commit_sent;

use std::{future::pending, panic::AssertUnwindSafe, time::Duration};

use futures_util::FutureExt;
use sqlx_transactional::{Tx, on, transaction, transactional};
use sqlx_transactional_tests::{Engine, Setup, TestDb, for_each_engine};
use tokio::time::timeout;

use crate::{
    app::AppError,
    expect::{doomed, own},
    sql::{insert, run},
    wire_text::{assert_sent, sent},
};

for_each_engine! {
    /// Stores two notes and ends as `end` says.
    #[transactional]
    async fn store(tx: &mut Tx<'_, DB>, end: Result<u32, u32>) -> Result<u32, AppError> {
        insert(&mut *tx, 1).await?;
        insert(&mut *tx, 2).await?;
        end.map_err(AppError::Refused)
    }

    #[transactional]
    async fn refuse(tx: &mut Tx<'_, DB>, number: u32) -> Result<(), AppError> {
        insert(tx, 10).await?;
        Err(AppError::Refused(number))
    }

    #[test(Setup::wired())]
    async fn out_12_ok_commits_and_gives_the_value(db: &TestDb<DB>) {
        assert_eq!(store(&db.pool, Ok(7)).await.unwrap(), 7);
        assert_eq!(db.rows().await, [1, 2]);
        assert_sent(db, "BEGIN; insert 1; insert 2; COMMIT");
        db.assert_whole().await;
    }

    #[test(Setup::wired())]
    async fn out_12_a_block_does_the_same(db: &TestDb<DB>) {
        let value = String::from("borrowed");
        let got = transaction(&db.pool, async |tx| {
            insert(&mut *tx, 1).await?;
            Ok::<_, AppError>(value.as_str())
        });
        assert_eq!(got.await.unwrap(), "borrowed");
        assert_eq!(db.rows().await, [1]);
        assert_sent(db, "BEGIN; insert 1; COMMIT");
        db.assert_whole().await;
    }

    #[test(Setup::wired())]
    async fn rbo_12_err_rolls_back_and_is_given_untouched(db: &TestDb<DB>) {
        let error = store(&db.pool, Err(9)).await.unwrap_err();
        assert!(error.is_refused(9), "{error:?}");
        assert_eq!(db.rows().await, [0; 0]);
        assert_sent(db, "BEGIN; insert 1; insert 2; ROLLBACK");
        db.assert_whole().await;
        let blocked = on(&db.pool).name("refused").run(async |tx: &mut Tx<'_, DB>| {
            insert(&mut *tx, 1).await?;
            Err::<(), _>(AppError::Refused(8))
        });
        assert!(blocked.await.unwrap_err().is_refused(8));
        assert_eq!(db.rows().await, [0; 0]);
        db.assert_whole().await;
    }

    #[transactional]
    async fn leave_early(tx: &mut Tx<'_, DB>, id: i64, by: &str) -> Result<&'static str, AppError> {
        insert(&mut *tx, id).await?;
        if by == "return" {
            return Ok("early");
        }
        if by == "question mark" {
            refuse(&mut *tx, 3).await?;
        }
        insert(tx, id + 1).await?;
        Ok("late")
    }

    #[test]
    async fn out_11_an_early_return_ends_it_as_its_value_says(db: &TestDb<DB>) {
        assert_eq!(leave_early(&db.pool, 1, "return").await.unwrap(), "early");
        assert!(leave_early(&db.pool, 3, "question mark").await.unwrap_err().is_refused(3));
        assert_eq!(leave_early(&db.pool, 5, "end").await.unwrap(), "late");
        assert_eq!(db.rows().await, [1, 5, 6]);
        db.assert_whole().await;
    }

    #[transactional]
    async fn swallow_joined(tx: &mut Tx<'_, DB>) -> Result<(), AppError> {
        insert(&mut *tx, 1).await?;
        let _ = refuse(&mut *tx, 5).await;
        Ok(())
    }

    #[test(Setup::wired())]
    async fn rbo_03_a_swallowed_joined_error_is_no_success(db: &TestDb<DB>) {
        let error = swallow_joined(&db.pool).await.unwrap_err();
        let first = doomed(&error);
        assert!(own(first).is_doomed());
        assert!(first.to_string().contains("::refuse`"), "{first}");
        assert_eq!(db.rows().await, [0; 0]);
        assert_sent(db, "BEGIN; insert 1; insert 10; ROLLBACK");
        db.assert_whole().await;
    }

    #[test(Setup::wired())]
    async fn a_swallowed_statement_error_ends_as_the_engine_documents(db: &TestDb<DB>) {
        let swallowed = transaction(&db.pool, async |tx| {
            insert(&mut *tx, 1).await?;
            let twice = insert(&mut *tx, 1).await.unwrap_err();
            assert!(twice.as_database_error().unwrap().is_unique_violation());
            Ok::<_, AppError>(())
        });
        let answer = swallowed.await;
        if db.engine() == Engine::Postgres {
            let error = answer.unwrap_err();
            assert!(doomed(&error).as_database_error().unwrap().is_unique_violation());
            assert_eq!(db.rows().await, [0; 0]);
            assert_sent(db, "BEGIN; insert 1; insert 1; ROLLBACK");
        } else {
            answer.unwrap();
            assert_eq!(db.rows().await, [1]);
            assert!(!sent(db).unwrap_or_default().contains("ROLLBACK"));
        }
        db.assert_whole().await;
    }

    #[test(Setup::wired())]
    async fn roll_back_gives_the_value_and_keeps_nothing(db: &TestDb<DB>) {
        let value = transaction(&db.pool, async |tx| {
            insert(&mut *tx, 1).await?;
            tx.roll_back();
            // The body goes on: asking is not ending.
            insert(&mut *tx, 2).await?;
            Ok::<_, AppError>(7)
        });
        assert_eq!(value.await.unwrap(), 7);
        assert_eq!(db.rows().await, [0; 0]);
        assert_sent(db, "BEGIN; insert 1; insert 2; ROLLBACK");
        db.assert_whole().await;
    }

    #[test]
    async fn a_doomed_transaction_that_is_to_roll_back_is_no_failure(db: &TestDb<DB>) {
        let value = transaction(&db.pool, async |tx| {
            let _ = refuse(&mut *tx, 1).await;
            tx.roll_back();
            Ok::<_, AppError>(7)
        });
        assert_eq!(value.await.unwrap(), 7);
        assert_eq!(db.rows().await, [0; 0]);
        db.assert_whole().await;
    }

    /// The body ends the transaction behind the crate's back, so that its
    /// ROLLBACK meets none.
    #[test]
    async fn out_06_err_is_untouched_when_there_is_nothing_to_roll_back(db: &TestDb<DB>) {
        let ended = transaction(&db.pool, async |tx| {
            insert(&mut *tx, 1).await?;
            run(tx.connection().await?, "commit").await?;
            Err::<(), _>(AppError::Refused(4))
        });
        assert!(ended.await.unwrap_err().is_refused(4));
        assert_eq!(db.rows().await, [1], "what the body committed itself");
        db.assert_whole().await;
    }

    #[transactional]
    async fn panic_after_a_write(tx: &mut Tx<'_, DB>) -> Result<(), AppError> {
        insert(&mut *tx, 1).await?;
        std::panic::resume_unwind(Box::new("the body's own panic"));
    }

    #[test(Setup::wired())]
    async fn a_panic_rolls_back_and_goes_on(db: &TestDb<DB>) {
        let caught = AssertUnwindSafe(panic_after_a_write(&db.pool)).catch_unwind().await;
        let payload = caught.unwrap_err();
        assert_eq!(payload.downcast_ref(), Some(&"the body's own panic"));
        db.assert_whole().await;
        assert_eq!(db.rows().await, [0; 0]);
        let pool = db.pool.clone();
        let task = tokio::spawn(async move { panic_after_a_write(&pool).await });
        assert!(task.await.unwrap_err().is_panic());
        db.assert_whole().await;
        assert_eq!(db.rows().await, [0; 0]);
    }

    #[transactional]
    async fn wait_after_a_write(tx: &mut Tx<'_, DB>) -> Result<(), AppError> {
        insert(&mut *tx, 1).await?;
        pending().await
    }

    #[test(Setup::wired())]
    async fn can_09_a_future_dropped_before_commit_rolls_back(db: &TestDb<DB>) {
        let dropped = timeout(Duration::from_millis(200), wait_after_a_write(&db.pool));
        assert!(dropped.await.is_err());
        db.assert_whole().await;
        assert_eq!(db.rows().await, [0; 0]);
        let pool = db.pool.clone();
        let task = tokio::spawn(async move { wait_after_a_write(&pool).await });
        while db.pool.num_idle() > 0 {
            tokio::task::yield_now().await;
        }
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
        db.assert_whole().await;
        assert_eq!(db.rows().await, [0; 0]);
    }
}
