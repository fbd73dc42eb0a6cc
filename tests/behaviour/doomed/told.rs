//! How a doom is told: the same on every engine, through every wrapper.

use std::{error::Error as StdError, io};

use anyhow::Context;
use sqlx_transactional::{Error as TxError, Tx, transaction, transactional};
use sqlx_transactional_tests::{Engine, Setup, TestDb, for_each_engine};

use crate::{
    app::AppError,
    expect::{doomed, engine_code, own},
    sql::insert,
    wire_text::assert_sent,
};

/// An application's error around that of another layer.
#[derive(Debug, thiserror::Error)]
#[error("could not be stored")]
struct Outer {
    #[source]
    why: AppError,
}

/// The same without words of its own.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
struct Transparent(#[from] sqlx::Error);

for_each_engine! {
    #[transactional]
    async fn first_to_fail(tx: &mut Tx<'_, DB>) -> Result<(), AppError> {
        let _ = tx;
        Err(AppError::Refused(1))
    }

    #[transactional]
    async fn second_to_fail(tx: &mut Tx<'_, DB>) -> Result<(), AppError> {
        let _ = tx;
        Err(AppError::Refused(2))
    }

    #[transactional]
    async fn store_twice(tx: &mut Tx<'_, DB>, id: i64) -> Result<(), AppError> {
        insert(&mut *tx, id).await?;
        insert(&mut *tx, id).await?;
        Ok(())
    }

    #[test(Setup::wired())]
    async fn rbo_04_after_a_joined_failure_nothing_more_is_sent(db: &TestDb<DB>) {
        let ended = transaction(&db.pool, async |tx| {
            insert(&mut *tx, 1).await?;
            first_to_fail(&mut *tx).await.unwrap_err();
            let refused = insert(&mut *tx, 2).await.unwrap_err();
            assert!(doomed(&refused).to_string().contains("first_to_fail"));
            // The first cause stays the cause.
            second_to_fail(&mut *tx).await.unwrap_err();
            let refused = insert(&mut *tx, 3).await.unwrap_err();
            assert!(doomed(&refused).to_string().contains("first_to_fail"));
            Ok::<_, AppError>(())
        });
        let error = ended.await.unwrap_err();
        assert!(doomed(&error).to_string().contains("first_to_fail"), "{error:?}");
        assert_sent(db, "BEGIN; insert 1; ROLLBACK");
        assert_eq!(db.rows().await, [0; 0]);
        db.assert_whole().await;
    }

    /// Elsewhere this end is silent: the transaction rolls back and the caller
    /// is told that all went well.
    #[test(Setup::wired())]
    async fn rbo_05_the_end_names_the_statement_that_failed_first(db: &TestDb<DB>) {
        let ended = transaction(&db.pool, async |tx| {
            insert(&mut *tx, 1).await?;
            let inner = store_twice(&mut *tx, 2).await.unwrap_err().into_database();
            assert!(inner.as_database_error().unwrap().is_unique_violation());
            Ok::<_, AppError>(engine_code(&inner))
        });
        let error = ended.await.unwrap_err();
        let cause = doomed(&error).as_database_error().unwrap();
        assert!(cause.is_unique_violation());
        let (expected, constraint) = match db.engine() {
            Engine::Postgres => ("23505", Some("notes_pkey")),
            Engine::MySql => ("23000", None),
            Engine::Sqlite => ("1555", None),
        };
        assert_eq!(cause.code().as_deref(), Some(expected));
        assert_eq!(cause.constraint(), constraint);
        assert_sent(db, "BEGIN; insert 1; insert 2; insert 2; ROLLBACK");
        assert_eq!(db.rows().await, [0; 0]);
        db.assert_whole().await;
    }

    #[test]
    async fn it_is_a_database_error_with_the_same_code_everywhere(db: &TestDb<DB>) {
        let ended = transaction(&db.pool, async |tx| {
            let _ = store_twice(&mut *tx, 2).await;
            Ok::<_, sqlx::Error>(())
        });
        let error = ended.await.unwrap_err();
        let told = error.as_database_error().unwrap();
        assert_eq!(told.code().as_deref(), Some("25P02"));
        assert!(told.message().contains("rolled back"), "{told}");
        assert!(!told.is_unique_violation(), "the cause's kind is the cause's");
        assert_eq!(own(&error).sqlstate(), "25P02");
        let found = own(&error);
        assert!(!found.is_outcome_unknown() && !found.is_ended_early());
        assert!(!found.is_transaction_control() && !found.is_unsupported());
        let cause = doomed(&error).to_string();
        assert!(error.to_string().contains(&cause), "{error}");
    }

    #[test]
    async fn it_is_found_through_every_wrapper(db: &TestDb<DB>) {
        let doom = async || {
            let ended = transaction(&db.pool, async |tx| {
                let _ = store_twice(&mut *tx, 2).await;
                Ok::<_, sqlx::Error>(())
            });
            ended.await.unwrap_err()
        };
        let is_found = |error: &(dyn StdError + 'static)| {
            TxError::find(error).is_some_and(TxError::is_doomed)
        };
        assert!(is_found(&doom().await));
        assert!(is_found(&AppError::from(doom().await)));
        assert!(is_found(&Transparent::from(doom().await)));
        assert!(is_found(&Outer { why: doom().await.into() }));
        let boxed: Box<dyn StdError> = Box::new(doom().await);
        assert!(is_found(&*boxed));
        let boxed: Box<dyn StdError + Send + Sync> = doom().await.into();
        assert!(is_found(&*boxed));
        assert!(is_found(&io::Error::other(AppError::from(doom().await))));
        let wrapped = Err::<(), _>(Outer { why: doom().await.into() })
            .context("while storing")
            .context("in the handler")
            .unwrap_err();
        assert!(is_found(&*wrapped));
        let plain = anyhow::Error::from(doom().await);
        assert!(is_found(&*plain));
        let sqlx::Error::Database(inner) = doom().await else {
            panic!("a database error");
        };
        assert!(is_found(&*inner.into_error()));
        assert!(!is_found(&AppError::Refused(1)));
        assert!(!is_found(&sqlx::Error::RowNotFound));
    }

    /// An application that returns its transaction's error type as it is.
    #[transactional]
    async fn anyhow_all_the_way(tx: &mut Tx<'_, DB>) -> anyhow::Result<()> {
        store_twice(&mut *tx, 2).await.context("inner").ok();
        Ok(())
    }

    #[test]
    async fn it_passes_through_anyhow(db: &TestDb<DB>) {
        let error = anyhow_all_the_way(&db.pool).await.unwrap_err();
        assert!(doomed(&*error).as_database_error().unwrap().is_unique_violation());
    }
}
