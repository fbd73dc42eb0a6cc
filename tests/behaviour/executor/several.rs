//! A text of several statements is done whole, or is no success.

use futures_util::TryStreamExt;
use sqlx::{AssertSqlSafe, Executor};
use sqlx_transactional::transaction;
use sqlx_transactional_tests::{TestDb, for_each_engine};

use crate::{
    app::AppError,
    expect::{doomed, own},
    sql::{insert, run},
};

const FIRST_ROW: &str = "select 1; insert into notes (id, body) values (2, 'second'); select 3";

/// Its second statement is refused where the note 1 is stored.
const FAILS: &str = "select 1; insert into notes (id, body) values (1, 'again'); select 3";

for_each_engine! {
    #[test]
    async fn text_that_is_asked_for_one_row_is_done_to_its_end(db: &TestDb<DB>) {
        let ended = transaction(&db.pool, async |tx| {
            tx.fetch_one(sqlx::raw_sql(FIRST_ROW)).await?;
            let third = FIRST_ROW.replace("(2,", "(3,");
            assert!(tx.fetch_optional(sqlx::raw_sql(AssertSqlSafe(third))).await?.is_some());
            insert(tx, 4).await
        });
        ended.await.unwrap();
        assert_eq!(db.rows().await, [2, 3, 4]);
        db.assert_whole().await;
    }

    #[test]
    async fn failure_behind_the_one_row_is_told(db: &TestDb<DB>) {
        let ended = transaction(&db.pool, async |tx| {
            insert(&mut *tx, 1).await?;
            assert!(tx.fetch_optional(sqlx::raw_sql(FAILS)).await.is_err());
            Err::<(), _>(AppError::Refused(1))
        });
        assert!(ended.await.unwrap_err().is_refused(1));
        let ended = transaction(&db.pool, async |tx| {
            insert(&mut *tx, 1).await?;
            tx.fetch_one(sqlx::raw_sql(FAILS)).await?;
            Ok::<_, AppError>(())
        });
        assert!(ended.await.is_err());
        assert_eq!(db.rows().await, [0; 0]);
        db.assert_whole().await;
    }

    #[test]
    async fn stream_of_it_that_is_let_go_is_no_success(db: &TestDb<DB>) {
        for text in [FIRST_ROW, FAILS] {
            let ended = transaction(&db.pool, async |tx| {
                insert(&mut *tx, 1).await?;
                let mut rows = sqlx::raw_sql(text).fetch(&mut *tx);
                assert!(rows.try_next().await?.is_some());
                drop(rows);
                let refused = insert(&mut *tx, 4).await.unwrap_err();
                assert!(own(doomed(&refused)).is_doomed());
                Ok::<_, AppError>(())
            });
            let error = ended.await.unwrap_err();
            let cause = doomed(&error).to_string();
            assert!(cause.contains("dropped before its answer"), "{cause}");
            assert_eq!(db.rows().await, [0; 0], "{text}");
            db.assert_whole().await;
        }
    }

    /// The connection is in step, and the savepoint's end undoes what was done.
    #[test]
    async fn stream_of_it_that_is_let_go_in_a_savepoint(db: &TestDb<DB>) {
        let ended = transaction(&db.pool, async |tx| {
            insert(&mut *tx, 1).await?;
            let inner = tx.savepoint(async |tx| {
                let mut rows = sqlx::raw_sql(FAILS).fetch_many(tx);
                assert!(rows.try_next().await?.is_some());
                Err::<(), _>(AppError::Refused(2))
            });
            assert!(inner.await.unwrap_err().is_refused(2));
            insert(tx, 4).await
        });
        ended.await.unwrap();
        assert_eq!(db.rows().await, [1, 4]);
        db.assert_whole().await;
    }

    #[test]
    async fn stream_of_it_that_is_read_to_its_end(db: &TestDb<DB>) {
        let ended = transaction(&db.pool, async |tx| {
            let mut rows = sqlx::raw_sql(FIRST_ROW).fetch(&mut *tx);
            while rows.try_next().await?.is_some() {}
            drop(rows);
            run(tx, "insert into notes (id, body) values (3, 'a'); select 1").await
        });
        ended.await.unwrap();
        assert_eq!(db.rows().await, [2, 3]);
        db.assert_whole().await;
    }
}
