//! Inside a `sqlx::Transaction`: a savepoint in it, and the commit is its owner's.

use std::{future::pending, time::Duration};

use sqlx::Connection;
use sqlx_transactional::{Tx, transaction, transactional};
use sqlx_transactional_tests::{Engine, Setup, TestDb, for_each_engine};
use tokio::time::timeout;

use crate::{
    app::AppError,
    diary::Diary,
    expect::own,
    sql::{ids, insert, run},
    wire_text::sent,
};

for_each_engine! {
    #[transactional]
    async fn store(tx: &mut Tx<'_, DB>, id: i64, end: Result<(), u32>) -> Result<(), AppError> {
        insert(tx, id).await?;
        end.map_err(AppError::Refused)
    }

    #[test(Setup::wired())]
    async fn its_commit_is_the_owners(db: &TestDb<DB>) {
        let mut owner = db.pool.begin().await.unwrap();
        insert(&mut *owner, 1).await.unwrap();
        store(&mut owner, 2, Ok(())).await.unwrap();
        assert_eq!(db.rows().await, [0; 0]);
        insert(&mut *owner, 3).await.unwrap();
        owner.commit().await.unwrap();
        assert_eq!(db.rows().await, [1, 2, 3]);
        if let Some(sent) = sent(db) {
            let ends = |word: &str| sent.split("; ").filter(|part| *part == word).count();
            assert_eq!((ends("BEGIN"), ends("COMMIT"), ends("ROLLBACK")), (1, 1, 0), "{sent}");
        }
        db.assert_whole().await;

        let mut owner = db.pool.begin().await.unwrap();
        store(&mut owner, 4, Ok(())).await.unwrap();
        owner.rollback().await.unwrap();
        assert_eq!(db.rows().await, [1, 2, 3]);
        db.assert_whole().await;
    }

    /// As the plain connection that the transaction gives, it is the same place.
    #[test]
    async fn the_connection_inside_it_is_the_same_place(db: &TestDb<DB>) {
        let mut owner = db.pool.begin().await.unwrap();
        store(&mut *owner, 1, Ok(())).await.unwrap();
        assert!(store(&mut *owner, 2, Err(1)).await.is_err());
        assert_eq!(db.rows().await, [0; 0]);
        owner.commit().await.unwrap();
        assert_eq!(db.rows().await, [1]);
        db.assert_whole().await;
    }

    #[test]
    async fn a_failure_leaves_the_owners_work(db: &TestDb<DB>) {
        let mut owner = db.pool.begin().await.unwrap();
        insert(&mut *owner, 1).await.unwrap();
        assert!(store(&mut owner, 2, Err(1)).await.unwrap_err().is_refused(1));
        assert_eq!(ids(&mut *owner).await.unwrap(), [1]);
        // A statement's error, which PostgreSQL would not let the owner survive.
        store(&mut owner, 1, Ok(())).await.unwrap_err();
        let asked = transaction(&mut owner, async |tx| {
            insert(&mut *tx, 3).await?;
            tx.roll_back();
            Ok::<_, AppError>(())
        });
        asked.await.unwrap();
        insert(&mut *owner, 4).await.unwrap();
        owner.commit().await.unwrap();
        assert_eq!(db.rows().await, [1, 4]);
        db.assert_whole().await;
    }

    #[test]
    async fn a_drop_leaves_the_owners_work(db: &TestDb<DB>) {
        let mut owner = db.pool.begin().await.unwrap();
        insert(&mut *owner, 1).await.unwrap();
        let endless = transaction(&mut owner, async |tx| {
            insert(tx, 2).await?;
            pending::<Result<(), AppError>>().await
        });
        assert!(timeout(Duration::from_millis(200), endless).await.is_err());
        assert_eq!(ids(&mut *owner).await.unwrap(), [1]);
        insert(&mut *owner, 3).await.unwrap();
        owner.commit().await.unwrap();
        assert_eq!(db.rows().await, [1, 3]);
        db.assert_whole().await;
    }

    /// Nobody here will see how it ends.
    #[test]
    async fn hooks_are_refused(db: &TestDb<DB>) {
        let diary = Diary::default();
        let mut owner = db.pool.begin().await.unwrap();
        insert(&mut *owner, 1).await.unwrap();
        let ended = transaction(&mut owner, async |tx| {
            insert(&mut *tx, 2).await?;
            tx.after_commit(diary.hook("committed"));
            Ok::<_, AppError>(())
        });
        let error = ended.await.unwrap_err();
        assert!(own(&error).is_unsupported(), "{error:?}");
        assert_eq!(own(&error).sqlstate(), "0A000");
        let ended = transaction(&mut owner, async |tx| {
            tx.after_rollback(diary.hook("rolled back"));
            insert(tx, 3).await
        });
        // The statement is not sent, and says why.
        let refused = ended.await.unwrap_err();
        assert!(own(&refused).is_unsupported(), "{refused:?}");
        insert(&mut *owner, 4).await.unwrap();
        owner.commit().await.unwrap();
        assert_eq!(diary.read(), "");
        assert_eq!(db.rows().await, [1, 4]);
        db.assert_whole().await;
    }

    /// A savepoint in it sees the end no better.
    #[test]
    async fn hooks_are_refused_in_a_savepoint_too(db: &TestDb<DB>) {
        let diary = Diary::default();
        let mut owner = db.pool.begin().await.unwrap();
        let ended = transaction(&mut owner, async |tx| {
            let nested = tx.savepoint(async |tx| {
                tx.after_commit(diary.hook("committed"));
                Ok::<_, AppError>(())
            });
            let error = nested.await.unwrap_err();
            assert!(own(&error).is_unsupported(), "{error:?}");
            insert(tx, 1).await?;
            Ok::<_, AppError>(())
        });
        ended.await.unwrap();
        owner.commit().await.unwrap();
        assert_eq!(diary.read(), "");
        assert_eq!(db.rows().await, [1]);
        db.assert_whole().await;
    }

    /// Kept or undone, it leaves nothing for a helper of the owner's to find.
    #[test]
    async fn the_savepoint_it_was_is_gone(db: &TestDb<DB>) {
        let mut owner = db.pool.begin().await.unwrap();
        for end in [Ok(()), Err(1)] {
            run(&mut *owner, "savepoint ours").await.unwrap();
            assert_eq!(store(&mut owner, 1, end).await.is_ok(), end.is_ok());
            let error = run(&mut *owner, "rollback to savepoint _sqlx_savepoint_1").await;
            let error = error.unwrap_err().to_string().to_lowercase();
            assert!(error.contains("savepoint"), "{error}");
            run(&mut *owner, "rollback to savepoint ours").await.unwrap();
        }
        owner.commit().await.unwrap();
        assert_eq!(db.rows().await, [0; 0]);
        db.assert_whole().await;
    }

    #[test]
    async fn savepoints_and_joins_work_in_it(db: &TestDb<DB>) {
        let mut owner = db.pool.begin().await.unwrap();
        let ended = transaction(&mut owner, async |tx| {
            store(&mut *tx, 1, Ok(())).await?;
            let undone = tx.savepoint(async |tx| store(tx, 2, Err(1)).await);
            assert!(undone.await.is_err());
            store(tx, 3, Ok(())).await
        });
        ended.await.unwrap();
        owner.commit().await.unwrap();
        assert_eq!(db.rows().await, [1, 3]);
        db.assert_whole().await;
    }

    /// A transaction begun on it with sqlx is one savepoint deeper, and has to
    /// be ended by whoever began it.
    #[test]
    async fn its_connection_can_be_handed_out(db: &TestDb<DB>) {
        let mut owner = db.pool.begin().await.unwrap();
        let ended = transaction(&mut owner, async |tx| {
            insert(tx.connection().await?, 1).await?;
            let mut nested = tx.connection().await?.begin().await?;
            insert(&mut *nested, 2).await?;
            nested.commit().await?;
            Ok::<_, AppError>(())
        });
        ended.await.unwrap();
        let ended = transaction(&mut owner, async |tx| {
            let nested = tx.connection().await?.begin().await?;
            std::mem::forget(nested);
            Ok::<_, AppError>(())
        });
        let error = ended.await.unwrap_err();
        assert!(own(&error).is_unsupported(), "{error:?}");
        insert(&mut *owner, 3).await.unwrap();
        owner.commit().await.unwrap();
        assert_eq!(db.rows().await, [1, 2, 3]);
        db.assert_whole().await;
    }

    /// The savepoint cannot be set; nothing else happens.
    #[test]
    async fn an_owner_that_is_no_longer_in_a_transaction_is_told(db: &TestDb<DB>) {
        let mut owner = db.pool.begin().await.unwrap();
        insert(&mut *owner, 1).await.unwrap();
        run(&mut *owner, "rollback").await.unwrap();
        let error = store(&mut owner, 2, Ok(())).await.unwrap_err();
        assert!(own(&error).is_ended_early(), "{error:?}");
        let _ = owner.rollback().await;
        assert_eq!(db.rows().await, [0; 0]);
    }

    /// PostgreSQL: the owner's transaction is aborted already.
    #[test]
    async fn an_aborted_owner_is_told(db: &TestDb<DB>) {
        if db.engine() != Engine::Postgres {
            return;
        }
        let mut owner = db.pool.begin().await.unwrap();
        run(&mut *owner, "select 1 / 0").await.unwrap_err();
        let error = store(&mut owner, 2, Ok(())).await.unwrap_err().into_database();
        assert_eq!(crate::expect::code(&error), "25P02");
        owner.rollback().await.unwrap();
        assert_eq!(db.rows().await, [0; 0]);
        db.assert_whole().await;
    }
}
