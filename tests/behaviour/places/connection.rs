//! A connection that is lent: the transaction begins and ends on it, and its
//! owner goes on with it.

use std::{future::pending, time::Duration};

use sqlx::Connection;
use sqlx_transactional::{Tx, transaction, transactional};
use sqlx_transactional_tests::{Setup, TestDb, for_each_engine};
use tokio::time::timeout;

use crate::{
    app::AppError,
    diary::Diary,
    expect::{doomed, own},
    sql::insert,
    wire_text::assert_sent,
};

type ConnectionOf<DB> = <DB as sqlx::Database>::Connection;

for_each_engine! {
    #[transactional]
    async fn store(tx: &mut Tx<'_, DB>, id: i64, end: Result<(), u32>) -> Result<(), AppError> {
        insert(&mut *tx, id).await?;
        insert(tx, id + 1).await?;
        end.map_err(AppError::Refused)
    }

    #[transactional]
    async fn wait_after_a_write(tx: &mut Tx<'_, DB>, id: i64) -> Result<(), AppError> {
        insert(tx, id).await?;
        pending().await
    }

    #[test(Setup::wired())]
    async fn a_pools_connection_ends_as_a_pool_does(db: &TestDb<DB>) {
        let mut lent = db.pool.acquire().await.unwrap();
        store(&mut lent, 1, Ok(())).await.unwrap();
        assert_eq!(db.rows().await, [1, 2]);
        assert!(store(&mut lent, 3, Err(1)).await.unwrap_err().is_refused(1));
        assert_eq!(db.rows().await, [1, 2]);
        assert_sent(
            db,
            "BEGIN; insert 1; insert 2; COMMIT; BEGIN; insert 3; insert 4; ROLLBACK",
        );
        // Its owner's next statement is in no transaction.
        insert(&mut *lent, 5).await.unwrap();
        assert_eq!(db.rows().await, [1, 2, 5]);
        drop(lent);
        db.assert_whole().await;
    }

    #[test(Setup::wired())]
    async fn a_plain_connection_ends_as_a_pool_does(db: &TestDb<DB>) {
        let mut lent = ConnectionOf::<DB>::connect(db.url()).await.unwrap();
        store(&mut lent, 1, Ok(())).await.unwrap();
        assert_eq!(db.rows().await, [1, 2]);
        assert!(store(&mut lent, 3, Err(1)).await.unwrap_err().is_refused(1));
        assert_eq!(db.rows().await, [1, 2]);
        insert(&mut lent, 5).await.unwrap();
        assert_eq!(db.rows().await, [1, 2, 5]);
        let twice = transaction(&mut lent, async |tx| {
            let _ = store(&mut *tx, 5, Ok(())).await;
            Ok::<_, AppError>(())
        });
        let _ = doomed(&twice.await.unwrap_err());
        insert(&mut lent, 6).await.unwrap();
        assert_eq!(db.rows().await, [1, 2, 5, 6]);
        lent.close().await.unwrap();
    }

    /// sqlx would undo the innermost of the two alone.
    #[test]
    async fn one_that_was_left_open_on_it_is_undone_with_it(db: &TestDb<DB>) {
        let mut lent = db.pool.acquire().await.unwrap();
        let ended = transaction(&mut lent, async |tx| {
            insert(&mut *tx, 1).await?;
            let nested = tx.connection().await?.begin().await?;
            std::mem::forget(nested);
            Ok::<_, AppError>(())
        });
        let error = ended.await.unwrap_err();
        assert!(own(&error).is_unsupported(), "{error:?}");
        // Its owner's next statement is in no transaction.
        insert(&mut *lent, 2).await.unwrap();
        assert_eq!(db.rows().await, [2]);
        store(&mut lent, 3, Ok(())).await.unwrap();
        assert_eq!(db.rows().await, [2, 3, 4]);
        drop(lent);
        db.assert_whole().await;
    }

    #[test(Setup::wired())]
    async fn its_owner_goes_on_after_a_drop(db: &TestDb<DB>) {
        let mut lent = db.pool.acquire().await.unwrap();
        let limit = Duration::from_millis(200);
        assert!(timeout(limit, wait_after_a_write(&mut lent, 1)).await.is_err());
        insert(&mut *lent, 2).await.unwrap();
        assert_eq!(db.rows().await, [2], "stored at once");
        store(&mut lent, 3, Ok(())).await.unwrap();
        assert_eq!(db.rows().await, [2, 3, 4]);
        drop(lent);
        db.assert_whole().await;
    }

    #[test]
    async fn the_pool_gets_it_back_clean_after_a_drop(db: &TestDb<DB>) {
        let mut lent = db.pool.acquire().await.unwrap();
        let limit = Duration::from_millis(200);
        assert!(timeout(limit, wait_after_a_write(&mut lent, 1)).await.is_err());
        drop(lent);
        db.assert_whole().await;
        assert_eq!(db.rows().await, [0; 0]);
    }

    /// This crate sees its end, so hooks are kept.
    #[test]
    async fn hooks_run_on_a_lent_connection(db: &TestDb<DB>) {
        let mut lent = db.pool.acquire().await.unwrap();
        let diary = Diary::default();
        let ended = transaction(&mut lent, async |tx| {
            tx.after_commit(diary.hook("committed"));
            insert(tx, 1).await
        });
        ended.await.unwrap();
        let ended = transaction(&mut lent, async |tx| {
            tx.after_rollback(diary.hook("rolled back"));
            insert(tx, 1).await
        });
        ended.await.unwrap_err();
        assert_eq!(diary.read(), "committed, rolled back");
    }

    #[test(Setup::wired())]
    async fn without_a_statement_nothing_is_sent_on_it(db: &TestDb<DB>) {
        let mut lent = db.pool.acquire().await.unwrap();
        let ended = transaction(&mut lent, async |_| Ok::<_, AppError>(7));
        assert_eq!(ended.await.unwrap(), 7);
        assert_sent(db, "");
    }
}

mod on_postgres {
    use super::*;
    use crate::slow::drop_pending;
    use crate::sql::run;
    use sqlx_transactional_tests::for_engines;

    for_engines! {
        [postgres]

        /// As with sqlx alone, and on MySQL most times. On a pool the connection is looked after, or closed.
        #[test]
        async fn the_answer_to_what_was_dropped_is_still_to_come(db: &TestDb<DB>) {
            const LATE: &str = "insert into notes (id, body) values (1, 'late')";
            insert(&db.observer, 1).await.unwrap();
            let mut by_hand = ConnectionOf::<DB>::connect(db.url()).await.unwrap();
            drop_pending(run(&mut by_hand, LATE)).await;
            run(&mut by_hand, "select 1").await.unwrap_err();
            run(&mut by_hand, "select 1").await.unwrap();
            let mut lent = ConnectionOf::<DB>::connect(db.url()).await.unwrap();
            let ended = transaction(&mut lent, async |tx| {
                insert(&mut *tx, 2).await?;
                drop_pending(run(tx, LATE)).await;
                pending::<Result<(), AppError>>().await
            });
            assert!(timeout(Duration::from_millis(200), ended).await.is_err());
            run(&mut lent, "select 1").await.unwrap_err();
            run(&mut lent, "select 1").await.unwrap();
            assert_eq!(db.rows().await, [1]);
        }
    }
}
