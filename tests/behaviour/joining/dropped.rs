//! A joined call that does not return: nobody knows how much of it was done.

use std::{future::pending, panic::AssertUnwindSafe, time::Duration};

use futures_util::FutureExt;
use sqlx_transactional::{Tx, transaction, transactional};
use sqlx_transactional_tests::{Setup, TestDb, for_each_engine};
use tokio::time::timeout;

use crate::{
    app::AppError,
    expect::{doomed, own},
    slow::{self, drop_pending},
    sql::{insert, run},
    wire_text::assert_sent,
};

for_each_engine! {
    #[transactional]
    async fn wait_for_ever(tx: &mut Tx<'_, DB>, id: i64) -> Result<(), AppError> {
        insert(tx, id).await?;
        pending().await
    }

    /// Nobody knows how much of it was done.
    #[test(Setup::wired())]
    async fn a_joined_call_that_is_dropped_dooms(db: &TestDb<DB>) {
        let ended = transaction(&db.pool, async |tx| {
            insert(&mut *tx, 1).await?;
            let inner = timeout(Duration::from_millis(200), wait_for_ever(&mut *tx, 2));
            assert!(inner.await.is_err());
            let refused = insert(&mut *tx, 3).await.unwrap_err();
            assert!(doomed(&refused).to_string().contains("wait_for_ever"), "{refused}");
            Ok::<_, AppError>(())
        });
        let error = ended.await.unwrap_err();
        assert!(own(doomed(&error)).to_string().contains("dropped"), "{error:?}");
        assert_sent(db, "BEGIN; insert 1; insert 2; ROLLBACK");
        assert_eq!(db.rows().await, [0; 0]);
        db.assert_whole().await;
    }

    /// Dropped before its first statement it has done nothing, but its caller
    /// cannot know.
    #[test(Setup::wired())]
    async fn a_joined_call_that_is_dropped_before_its_first_statement_dooms(db: &TestDb<DB>) {
        let ended = transaction(&db.pool, async |tx| {
            insert(&mut *tx, 1).await?;
            let idle = transaction(&mut *tx, async |_| pending::<Result<(), AppError>>().await);
            assert!(timeout(Duration::from_millis(20), idle).await.is_err());
            Ok::<_, AppError>(())
        });
        let _ = doomed(&ended.await.unwrap_err());
        assert_sent(db, "BEGIN; insert 1; ROLLBACK");
        db.assert_whole().await;
    }

    #[test]
    async fn a_joined_call_whose_panic_is_caught_dooms(db: &TestDb<DB>) {
        let ended = transaction(&db.pool, async |tx| {
            insert(&mut *tx, 1).await?;
            let panics = transaction(&mut *tx, async |tx| -> Result<(), AppError> {
                insert(tx, 2).await?;
                std::panic::resume_unwind(Box::new("inside"));
            });
            assert!(AssertUnwindSafe(panics).catch_unwind().await.is_err());
            let _ = doomed(&insert(&mut *tx, 3).await.unwrap_err());
            Ok::<_, AppError>(())
        });
        let _ = doomed(&ended.await.unwrap_err());
        assert_eq!(db.rows().await, [0; 0]);
        db.assert_whole().await;
    }

    #[test(Setup::wired())]
    async fn a_joined_call_that_is_dropped_inside_a_statement_dooms(db: &TestDb<DB>) {
        let ended = transaction(&db.pool, async |tx| {
            insert(&mut *tx, 1).await?;
            let inner = transaction(&mut *tx, async |tx| run(tx, slow::insert::<DB>()).await);
            drop_pending(inner).await;
            let _ = doomed(&insert(&mut *tx, 2).await.unwrap_err());
            Ok::<_, AppError>(())
        });
        let _ = doomed(&ended.await.unwrap_err());
        db.assert_whole().await;
        assert_eq!(db.rows().await, [0; 0]);
    }
}
