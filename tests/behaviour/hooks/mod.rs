//! What a transaction has to do after its end.

mod before_commit;
mod borrowed;
mod outside;
mod scopes;
mod shielded;

use std::{future::pending, panic::AssertUnwindSafe, time::Duration};

use futures_util::FutureExt;
use sqlx_transactional::{ReadTx, Tx, transaction, transactional};
use sqlx_transactional_tests::{Setup, TestDb, for_each_engine};
use tokio::time::{sleep, timeout};

use crate::{
    app::AppError,
    diary::Diary,
    expect::doomed,
    sql::{ids, insert},
};

for_each_engine! {
    /// Stores a note with one hook for each end, and ends as `end` says.
    #[transactional]
    async fn store(
        tx: &mut Tx<'_, DB>,
        id: i64,
        diary: &Diary,
        end: Result<(), u32>,
    ) -> Result<(), AppError> {
        tx.after_commit(diary.hook("committed"));
        tx.after_rollback(diary.hook("rolled back"));
        insert(tx, id).await?;
        diary.write("body");
        end.map_err(AppError::Refused)
    }

    /// At the time of the hook the data is there for everybody.
    #[test]
    async fn hook_01_it_runs_once_after_the_commit(db: &TestDb<DB>) {
        let diary = Diary::default();
        let ended = transaction(&db.pool, async |tx| {
            insert(&mut *tx, 1).await?;
            let (observer, diary) = (db.observer.clone(), diary.clone());
            tx.after_commit(async move {
                let seen = ids(&observer).await.unwrap();
                diary.write(format!("{seen:?}"));
            });
            assert_eq!(db.rows().await, [0; 0]);
            Ok::<_, AppError>(())
        });
        ended.await.unwrap();
        // The function returned after it.
        assert_eq!(diary.read(), "[1]");
        db.assert_whole().await;
        assert_eq!(diary.read(), "[1]");
    }

    #[test]
    async fn hook_15_a_commit_runs_only_what_waits_for_it_in_order(db: &TestDb<DB>) {
        let diary = Diary::default();
        let ended = transaction(&db.pool, async |tx| {
            insert(&mut *tx, 1).await?;
            tx.after_commit(diary.hook("first"));
            tx.after_rollback(diary.hook("never"));
            let slow = diary.clone();
            tx.after_commit(async move {
                sleep(Duration::from_millis(20)).await;
                slow.write("slow");
            });
            tx.after_commit(diary.hook("last"));
            Ok::<_, AppError>(())
        });
        ended.await.unwrap();
        assert_eq!(diary.read(), "first, slow, last");
        db.assert_whole().await;
    }

    #[test]
    async fn hook_16_a_rollback_runs_only_what_waits_for_it_in_order(db: &TestDb<DB>) {
        let diary = Diary::default();
        let ended = transaction(&db.pool, async |tx| {
            insert(&mut *tx, 1).await?;
            tx.after_rollback(diary.hook("first"));
            tx.after_commit(diary.hook("never"));
            tx.after_rollback(diary.hook("last"));
            Err::<(), _>(AppError::Refused(1))
        });
        assert!(ended.await.is_err());
        assert_eq!(diary.read(), "first, last");
        db.assert_whole().await;
    }

    /// Every end that is no commit, each with what the caller gets.
    #[test]
    async fn hook_02_it_never_runs_on_another_end(db: &TestDb<DB>) {
        let diary = Diary::default();
        assert!(store(&db.pool, 1, &diary, Err(1)).await.is_err());
        assert_eq!(diary.read(), "body, rolled back");

        let diary = Diary::default();
        let asked = transaction(&db.pool, async |tx| {
            store(&mut *tx, 1, &diary, Ok(())).await?;
            tx.roll_back();
            Ok::<_, AppError>(())
        });
        asked.await.unwrap();
        assert_eq!(diary.read(), "body, rolled back");

        let diary = Diary::default();
        let swallowed = transaction(&db.pool, async |tx| {
            let _ = store(&mut *tx, 1, &diary, Err(1)).await;
            Ok::<_, AppError>(())
        });
        let _ = doomed(&swallowed.await.unwrap_err());
        assert_eq!(diary.read(), "body, rolled back");

        let diary = Diary::default();
        let panics = transaction(&db.pool, async |tx| -> Result<(), AppError> {
            store(&mut *tx, 1, &diary, Ok(())).await?;
            std::panic::resume_unwind(Box::new("inside"));
        });
        assert!(AssertUnwindSafe(panics).catch_unwind().await.is_err());
        diary.assert_becomes("body, rolled back").await;

        let diary = Diary::default();
        let endless = transaction(&db.pool, async |tx| -> Result<(), AppError> {
            store(&mut *tx, 1, &diary, Ok(())).await?;
            pending().await
        });
        assert!(timeout(Duration::from_millis(200), endless).await.is_err());
        diary.assert_becomes("body, rolled back").await;

        db.assert_whole().await;
        assert_eq!(diary.read(), "body, rolled back");
        assert_eq!(db.rows().await, [0; 0]);
    }

    #[test]
    async fn hook_08_the_next_transaction_does_not_run_the_hooks_of_the_last(db: &TestDb<DB>) {
        let diary = Diary::default();
        assert!(store(&db.pool, 1, &diary, Err(1)).await.is_err());
        assert_eq!(diary.read(), "body, rolled back");
        transaction(&db.pool, async |tx| insert(tx, 2).await).await.unwrap();
        store(&db.pool, 3, &Diary::default(), Ok(())).await.unwrap();
        assert_eq!(diary.read(), "body, rolled back");
        db.assert_whole().await;
    }

    /// Elsewhere a failing hook keeps the next from running, or turns a commit
    /// into an error.
    #[test]
    async fn hook_10_one_that_panics_stops_nothing(db: &TestDb<DB>) {
        let diary = Diary::default();
        let ended = transaction(&db.pool, async |tx| {
            insert(&mut *tx, 1).await?;
            tx.after_commit(diary.hook("first"));
            tx.after_commit(async { std::panic::resume_unwind(Box::new("a hook's panic")) });
            tx.after_commit(diary.hook("last"));
            Ok::<_, AppError>(7)
        });
        assert_eq!(ended.await.unwrap(), 7);
        assert_eq!(diary.read(), "first, last");
        assert_eq!(db.rows().await, [1]);
        db.assert_whole().await;

        let diary = Diary::default();
        let ended = transaction(&db.pool, async |tx| {
            insert(&mut *tx, 2).await?;
            tx.after_rollback(async { std::panic::resume_unwind(Box::new("a hook's panic")) });
            tx.after_rollback(diary.hook("last"));
            Err::<(), _>(AppError::Refused(3))
        });
        assert!(ended.await.unwrap_err().is_refused(3));
        assert_eq!(diary.read(), "last");
        db.assert_whole().await;
    }

    /// The pool has one connection, and the hook gets it.
    #[test(Setup::wired())]
    async fn hook_11_it_can_use_the_pool_and_is_outside_the_transaction(db: &TestDb<DB>) {
        let (pool, observer, diary) = (db.pool.clone(), db.observer.clone(), Diary::default());
        let book = diary.clone();
        let ended = transaction(&db.pool, async |tx| {
            insert(&mut *tx, 1).await?;
            tx.after_commit(async move {
                insert(&pool, 2).await.unwrap();
                book.write(format!("{:?}", ids(&observer).await.unwrap()));
                let inner = transaction(&pool, async |tx| insert(tx, 3).await);
                inner.await.unwrap();
            });
            Ok::<_, AppError>(())
        });
        ended.await.unwrap();
        assert_eq!(diary.read(), "[1, 2]", "its statement was stored at once");
        assert_eq!(db.rows().await, [1, 2, 3]);
        crate::wire_text::assert_sent(db, "BEGIN; insert 1; COMMIT; insert 2; BEGIN; insert 3; COMMIT");
        db.assert_whole().await;
    }

    #[transactional]
    async fn read_with_hooks(tx: &mut ReadTx<'_, DB>, diary: &Diary) -> Result<(), AppError> {
        tx.after_commit(diary.hook("read"));
        ids(tx).await?;
        Ok(())
    }

    #[test]
    async fn a_reader_has_hooks_too(db: &TestDb<DB>) {
        let diary = Diary::default();
        read_with_hooks(&db.pool, &diary).await.unwrap();
        assert_eq!(diary.read(), "read");
        db.assert_whole().await;
    }

    /// Without a statement there is no COMMIT, but the function succeeded.
    #[test(Setup::wired())]
    async fn hooks_of_a_body_without_a_statement_run_as_it_ends(db: &TestDb<DB>) {
        let diary = Diary::default();
        let hooks = async |tx: &mut Tx<'_, DB>| {
            tx.after_commit(diary.hook("committed"));
            tx.after_rollback(diary.hook("rolled back"));
        };
        let ended = transaction(&db.pool, async |tx| {
            hooks(tx).await;
            Ok::<_, AppError>(())
        });
        ended.await.unwrap();
        assert_eq!(diary.read(), "committed");
        let ended = transaction(&db.pool, async |tx| {
            hooks(tx).await;
            Err::<(), _>(AppError::Refused(1))
        });
        assert!(ended.await.is_err());
        assert_eq!(diary.read(), "committed, rolled back");
        let endless = transaction(&db.pool, async |tx| -> Result<(), AppError> {
            hooks(tx).await;
            pending().await
        });
        assert!(timeout(Duration::from_millis(20), endless).await.is_err());
        diary.assert_becomes("committed, rolled back, rolled back").await;
        crate::wire_text::assert_sent(db, "");
    }
}
