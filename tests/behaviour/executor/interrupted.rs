//! A statement whose future is dropped before its answer came.

use futures_util::TryStreamExt;
use sqlx_transactional::{Tx, transaction};
use sqlx_transactional_tests::{Setup, TestDb, for_each_engine};
use tokio::sync::oneshot;

use crate::{
    app::AppError,
    expect::{doomed, own},
    slow::{self, drop_pending},
    sql::{insert, run},
};

for_each_engine! {
    /// Asserts that the transaction knows of the dropped statement, at the next
    /// one and at its end.
    async fn assert_dooms(db: &TestDb<DB>, drop_one: impl AsyncFn(&mut Tx<'_, DB>)) {
        let ended = transaction(&db.pool, async |tx| {
            insert(&mut *tx, 1).await?;
            drop_one(tx).await;
            let refused = insert(&mut *tx, 3).await.unwrap_err();
            assert!(own(doomed(&refused)).is_doomed());
            Ok::<_, AppError>(())
        });
        let error = ended.await.unwrap_err();
        assert!(doomed(&error).to_string().contains("dropped before its answer"), "{error}");
        db.assert_whole().await;
        assert_eq!(db.rows().await, [0; 0]);
    }

    #[test(Setup::wired())]
    async fn can_01_a_dropped_statement_dooms(db: &TestDb<DB>) {
        assert_dooms(db, async |tx| {
            drop_pending(run(tx, slow::insert::<DB>())).await;
        })
        .await;
    }

    #[test(Setup::wired())]
    async fn can_01_in_each_way_to_run_it(db: &TestDb<DB>) {
        let query = || sqlx::query(slow::insert::<DB>());
        assert_dooms(db, async |tx| {
            drop_pending(query().execute(tx)).await;
        })
        .await;
        assert_dooms(db, async |tx| {
            drop_pending(query().fetch_all(tx)).await;
        })
        .await;
        assert_dooms(db, async |tx| {
            drop_pending(query().fetch_optional(tx)).await;
        })
        .await;
        assert_dooms(db, async |tx| {
            drop_pending(query().fetch_one(tx)).await;
        })
        .await;
        assert_dooms(db, async |tx| {
            drop_pending(query().fetch(tx).try_next()).await;
        })
        .await;
    }

    /// Nothing more is asked of the transaction: its end knows.
    #[test(Setup::wired())]
    async fn can_01_a_statement_dropped_last_is_no_success(db: &TestDb<DB>) {
        let ended = transaction(&db.pool, async |tx| {
            insert(&mut *tx, 1).await?;
            drop_pending(run(tx, slow::insert::<DB>())).await;
            Ok::<_, AppError>(())
        });
        let _ = doomed(&ended.await.unwrap_err());
        db.assert_whole().await;
        assert_eq!(db.rows().await, [0; 0]);
    }

    #[test(Setup::wired())]
    async fn can_01_the_whole_call_dropped_inside_a_statement(db: &TestDb<DB>) {
        let (about_to, begins) = oneshot::channel();
        let ended = transaction(&db.pool, async |tx| {
            insert(&mut *tx, 1).await?;
            about_to.send(()).unwrap();
            run(tx, slow::insert::<DB>()).await
        });
        tokio::select! {
            // First, so that the statement is under way.
            biased;
            _ = ended => panic!("it takes a while"),
            _ = begins => {}
        }
        db.assert_whole().await;
        assert_eq!(db.rows().await, [0; 0]);
        transaction(&db.pool, async |tx| insert(tx, 4).await).await.unwrap();
        assert_eq!(db.rows().await, [4]);
    }

    /// A long result that is dropped while its rows are on their way.
    #[test(Setup::wired())]
    async fn can_01_a_stream_dropped_while_it_waits(db: &TestDb<DB>) {
        assert_dooms(db, async |tx| {
            let mut rows = sqlx::query(slow::select::<DB>()).fetch(tx);
            drop_pending(async { while let Ok(Some(_)) = rows.try_next().await {} }).await;
        })
        .await;
    }
}
