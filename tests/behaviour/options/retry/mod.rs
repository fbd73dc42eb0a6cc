//! A transaction that runs again after a failure that goes away by itself.

mod busy;
pub(super) mod conflict;
mod contention;
mod doubt;
mod hooks;
mod lasting;
mod lost;
mod moments;
mod pause;
mod skew;
mod told;

use std::time::Duration;

use sqlx_transactional::{Error, Retry, Tx, on, transaction};
use sqlx_transactional_tests::{Backend, Engine, TestDb, for_each_engine};

use self::conflict::{Conflict, block, rows};
use crate::{
    app::AppError,
    expect::{code, own},
    sql::insert,
};

/// A retry that does not make a test wait.
fn quick(attempts: u32) -> Retry {
    let pause = Duration::from_micros(100);
    Retry::new().attempts(attempts).base(pause).cap(pause)
}

for_each_engine! {
    #[test]
    async fn retry_02_what_the_body_makes_of_the_error_does_not_matter(db: &TestDb<DB>) {
        let ended = block(&db.pool, quick(3)).run(async |tx| {
            if tx.attempt() < 3 {
                DB::conflict(tx, &db.observer).await.map_err(|_| AppError::Refused(1))?;
            }
            let attempt = i64::from(tx.attempt());
            insert(tx, attempt).await.map_err(AppError::from)
        });
        ended.await.unwrap();
        assert_eq!(rows(db).await, [3]);
        db.assert_whole().await;
    }

    #[test]
    async fn retry_04_another_error_is_passed_on_after_one_attempt(db: &TestDb<DB>) {
        let mut attempts = 0;
        let counted = &mut attempts;
        let ended = transaction(&db.pool, async |tx| {
            insert(&mut *tx, 1).await?;
            *counted += 1;
            Err::<(), _>(AppError::Refused(1))
        });
        assert!(ended.await.unwrap_err().is_refused(1));
        let ended = block(&db.pool, quick(5)).run(async |tx| {
            insert(&mut *tx, 1).await?;
            assert_eq!(tx.attempt(), 1);
            Err::<(), _>(AppError::Refused(2))
        });
        assert!(ended.await.unwrap_err().is_refused(2));
        assert_eq!((attempts, rows(db).await.len()), (1, 0));
    }

    #[test]
    async fn retry_05_the_last_error_has_the_number_of_attempts(db: &TestDb<DB>) {
        let ended = block(&db.pool, quick(3)).run(async |tx| DB::conflict(tx, &db.observer).await);
        let error: sqlx::Error = ended.await.unwrap_err();
        assert_eq!(own(&error).attempts(), Some(3));
        assert_eq!(own(&error).sqlstate(), "40001");
        // The engine's own words and code, also as its source.
        assert_eq!(code(&error), DB::CODE);
        let source = std::error::Error::source(own(&error)).unwrap();
        let source = source.downcast_ref::<sqlx::Error>().unwrap().as_database_error().unwrap();
        assert_eq!(error.as_database_error().unwrap().message(), source.message());
        assert!(own(&error).to_string().contains(source.message()));
        db.assert_whole().await;
    }

    #[test]
    async fn retry_06_one_attempt_is_one_attempt(db: &TestDb<DB>) {
        let ended = block(&db.pool, quick(1)).run(async |tx| {
            assert_eq!(tx.attempt(), 1);
            DB::conflict(tx, &db.observer).await
        });
        let error: sqlx::Error = ended.await.unwrap_err();
        assert_eq!(own(&error).attempts(), Some(1));
    }

    #[test]
    async fn retry_07_a_success_is_not_repeated(db: &TestDb<DB>) {
        let ended = block(&db.pool, quick(5)).run(async |tx| {
            assert_eq!(tx.attempt(), 1);
            insert(tx, 1).await
        });
        ended.await.unwrap();
        assert_eq!(rows(db).await, [1]);
    }

    #[test]
    async fn retry_17_a_constraint_is_not_repeated(db: &TestDb<DB>) {
        insert(&db.observer, 1).await.unwrap();
        let ended = block(&db.pool, quick(5)).run(async |tx| {
            assert_eq!(tx.attempt(), 1);
            insert(tx, 1).await
        });
        let error = ended.await.unwrap_err();
        assert!(error.as_database_error().unwrap().is_unique_violation());
        assert!(Error::find(&error).is_none());
        db.assert_whole().await;
    }

    #[test]
    async fn no_attempt_begins_after_the_deadline(db: &TestDb<DB>) {
        let retry = Retry::new().attempts(u32::MAX).deadline(Duration::from_millis(60));
        let retry = retry.base(Duration::from_millis(5)).cap(Duration::from_millis(5));
        let started = tokio::time::Instant::now();
        let ended = block(&db.pool, retry).run(async |tx| DB::conflict(tx, &db.observer).await);
        let error: sqlx::Error = ended.await.unwrap_err();
        assert!(own(&error).attempts() > Some(0));
        // Far less than what so many attempts would take.
        assert!(started.elapsed() < Duration::from_secs(10));
    }

    /// What the body captured by value is there again in each attempt.
    #[test]
    async fn what_was_captured_is_cloned(db: &TestDb<DB>) {
        let word = String::from("word");
        let observer = db.observer.clone();
        let ended = block(&db.pool, quick(3)).run(async move |tx: &mut Tx<'_, DB>| {
            if tx.attempt() < 2 {
                drop(word);
                DB::conflict(tx, &observer).await?;
                return Ok(String::new());
            }
            drop(observer);
            Ok::<_, sqlx::Error>(word)
        });
        assert_eq!(ended.await.unwrap(), "word");
    }

    #[test]
    async fn one_that_joins_leaves_it_to_the_outermost(db: &TestDb<DB>) {
        let ended = block(&db.pool, quick(2)).run(async |tx| {
            let outer = tx.attempt();
            let joined = on(&mut *tx).retry(quick(9)).run(async |tx| {
                assert_eq!(tx.attempt(), outer);
                DB::conflict(tx, &db.observer).await
            });
            joined.await
        });
        let error: sqlx::Error = ended.await.unwrap_err();
        assert_eq!(own(&error).attempts(), Some(2));
    }

    #[test]
    async fn one_that_joins_what_is_not_repeated_runs_once(db: &TestDb<DB>) {
        let block = on(&db.pool);
        let block = match DB::ENGINE {
            Engine::Sqlite => block.deferred(),
            Engine::Postgres | Engine::MySql => block,
        };
        let mut calls = 0;
        let ended = block.run(async |tx| {
            calls += 1;
            let joined = on(&mut *tx).retry(quick(9));
            joined.run(async |tx| DB::conflict(tx, &db.observer).await).await
        });
        let error: sqlx::Error = ended.await.unwrap_err();
        assert_eq!((calls, &*code(&error)), (1, DB::CODE));
        assert!(Error::find(&error).is_none(), "{error:?}");
    }
}
