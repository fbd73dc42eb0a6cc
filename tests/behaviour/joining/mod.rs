//! Functions that are called inside a transaction and share it.

mod dropped;

use sqlx::Executor;
use sqlx_transactional::{ReadTx, Tx, on, read, transaction, transactional};
use sqlx_transactional_tests::{Engine, Setup, TestDb, for_each_engine};

use crate::{
    app::AppError,
    sql::{ids, insert},
    wire_text::assert_sent,
};

for_each_engine! {
    #[transactional]
    async fn add(tx: &mut Tx<'_, DB>, id: i64) -> Result<(), AppError> {
        insert(tx, id).await?;
        Ok(())
    }

    #[transactional]
    async fn add_two(tx: &mut Tx<'_, DB>, id: i64) -> Result<(), AppError> {
        add(&mut *tx, id).await?;
        add(tx, id + 1).await
    }

    /// Must be called inside a transaction, and can neither begin nor end one.
    async fn add_inside(tx: &mut Tx<'_, DB>, id: i64) -> Result<(), AppError> {
        insert(tx, id).await?;
        Ok(())
    }

    #[transactional]
    async fn list(tx: &mut ReadTx<'_, DB>) -> Result<Vec<i64>, AppError> {
        Ok(ids(tx).await?)
    }

    #[transactional]
    async fn list_again(tx: &mut ReadTx<'_, DB>) -> Result<Vec<i64>, AppError> {
        list(tx).await
    }

    /// Joins where it is given a transaction and autocommits where it is given
    /// a pool.
    async fn add_anywhere(on: impl Executor<'_, Database = DB>, id: i64) -> Result<(), AppError> {
        insert(on, id).await?;
        Ok(())
    }

    #[test(Setup::wired())]
    async fn prop_02_a_joined_function_begins_and_commits_nothing(db: &TestDb<DB>) {
        let ended = transaction(&db.pool, async |tx| {
            insert(&mut *tx, 1).await?;
            add_two(&mut *tx, 2).await?;
            assert_eq!(db.rows().await, [0; 0], "only the outermost commits");
            insert(&mut *tx, 4).await?;
            Ok::<_, AppError>(())
        });
        ended.await.unwrap();
        assert_eq!(db.rows().await, [1, 2, 3, 4]);
        assert_sent(db, "BEGIN; insert 1; insert 2; insert 3; insert 4; COMMIT");
        db.assert_whole().await;
    }

    #[test(Setup::wired())]
    async fn prop_02_what_was_joined_goes_with_the_outermost(db: &TestDb<DB>) {
        let ended = transaction(&db.pool, async |tx| {
            add_two(&mut *tx, 1).await?;
            Err::<(), _>(AppError::Refused(1))
        });
        assert!(ended.await.unwrap_err().is_refused(1));
        assert_eq!(db.rows().await, [0; 0]);
        assert_sent(db, "BEGIN; insert 1; insert 2; ROLLBACK");
        db.assert_whole().await;
    }

    #[test(Setup::wired())]
    async fn a_joined_block_is_like_a_joined_function(db: &TestDb<DB>) {
        let ended = transaction(&db.pool, async |tx| {
            insert(&mut *tx, 1).await?;
            let joined = on(&mut *tx).name("inner").run(async |tx| {
                insert(&mut *tx, 2).await?;
                Ok::<_, AppError>(7)
            });
            assert_eq!(joined.await?, 7);
            transaction(&mut *tx, async |tx| insert(tx, 3).await).await?;
            Ok::<_, AppError>(())
        });
        ended.await.unwrap();
        assert_eq!(db.rows().await, [1, 2, 3]);
        assert_sent(db, "BEGIN; insert 1; insert 2; insert 3; COMMIT");
        db.assert_whole().await;
    }

    #[test(Setup::wired())]
    async fn prop_04_a_plain_function_with_a_handle_is_inside(db: &TestDb<DB>) {
        let ended = transaction(&db.pool, async |tx| {
            add_inside(&mut *tx, 1).await?;
            add_inside(tx, 2).await
        });
        ended.await.unwrap();
        assert_eq!(db.rows().await, [1, 2]);
        assert_sent(db, "BEGIN; insert 1; insert 2; COMMIT");
        db.assert_whole().await;
    }

    #[test(Setup::wired())]
    async fn prop_07_a_function_over_an_executor_has_no_transaction_on_a_pool(db: &TestDb<DB>) {
        add_anywhere(&db.pool, 1).await.unwrap();
        assert_eq!(db.rows().await, [1]);
        assert_sent(db, "insert 1");
    }

    #[test(Setup::wired())]
    async fn prop_06_each_statement_without_a_transaction_is_stored_at_once(db: &TestDb<DB>) {
        add_anywhere(&db.pool, 1).await.unwrap();
        assert_eq!(db.rows().await, [1]);
        add_anywhere(&db.pool, 1).await.unwrap_err();
        add_anywhere(&db.pool, 2).await.unwrap();
        assert_eq!(db.rows().await, [1, 2]);
        assert_sent(db, "insert 1; insert 1; insert 2");
    }

    #[test(Setup::wired())]
    async fn prop_08_a_function_over_an_executor_joins_a_handle(db: &TestDb<DB>) {
        let ended = transaction(&db.pool, async |tx| {
            add_anywhere(&mut *tx, 1).await?;
            add_anywhere(&mut *tx, 2).await?;
            assert_eq!(db.rows().await, [0; 0]);
            Err::<(), _>(AppError::Refused(1))
        });
        assert!(ended.await.is_err());
        assert_eq!(db.rows().await, [0; 0]);
        assert_sent(db, "BEGIN; insert 1; insert 2; ROLLBACK");
    }

    /// What is done on the pool meanwhile is outside, whatever becomes of it.
    #[test(Setup::wired().connections(2))]
    async fn prop_09_what_runs_on_the_pool_is_outside(db: &TestDb<DB>) {
        if db.engine() == Engine::Sqlite {
            // One writer at a time: what is outside has to come first.
            let ended = transaction(&db.pool, async |tx| {
                insert(&db.pool, 1).await?;
                insert(&mut *tx, 2).await?;
                Err::<(), _>(AppError::Refused(1))
            });
            assert!(ended.await.is_err());
        } else {
            let ended = transaction(&db.pool, async |tx| {
                insert(&mut *tx, 2).await?;
                insert(&db.pool, 1).await?;
                assert_eq!(db.rows().await, [1], "stored at once");
                let failed = insert(&db.pool, 1).await;
                assert!(failed.is_err());
                insert(&mut *tx, 3).await?;
                Err::<(), _>(AppError::Refused(1))
            });
            assert!(ended.await.is_err());
        }
        assert_eq!(db.rows().await, [1]);
        db.assert_whole().await;
    }

    #[test(Setup::wired())]
    async fn iso_12_a_reader_joins_a_writer_and_sees_its_work(db: &TestDb<DB>) {
        let ended = transaction(&db.pool, async |tx| {
            insert(&mut *tx, 1).await?;
            assert_eq!(list(&mut *tx).await?, [1]);
            assert_eq!(read(&mut *tx, async |tx| ids(tx).await).await?, [1]);
            assert_eq!(db.rows().await, [0; 0]);
            // A reader has no say over what its writer may do next.
            insert(&mut *tx, 2).await?;
            Ok::<_, AppError>(())
        });
        ended.await.unwrap();
        assert_eq!(db.rows().await, [1, 2]);
        let select = "select id from notes order by id";
        assert_sent(db, &format!("BEGIN; insert 1; {select}; {select}; insert 2; COMMIT"));
        db.assert_whole().await;
    }

    #[test(Setup::wired())]
    async fn a_reader_joins_a_reader(db: &TestDb<DB>) {
        insert(&db.observer, 1).await.unwrap();
        assert_eq!(list_again(&db.pool).await.unwrap(), [1]);
        assert_sent(db, "BEGIN READ ONLY; select id from notes order by id; COMMIT");
        db.assert_whole().await;
    }

    #[test(Setup::wired())]
    async fn roll_back_of_a_joined_function_is_asked_of_the_whole(db: &TestDb<DB>) {
        let ended = transaction(&db.pool, async |tx| {
            insert(&mut *tx, 1).await?;
            let joined = transaction(&mut *tx, async |tx| {
                tx.roll_back();
                Ok::<_, AppError>(3)
            });
            assert_eq!(joined.await?, 3);
            insert(&mut *tx, 2).await?;
            Ok::<_, AppError>(7)
        });
        assert_eq!(ended.await.unwrap(), 7);
        assert_eq!(db.rows().await, [0; 0]);
        assert_sent(db, "BEGIN; insert 1; insert 2; ROLLBACK");
        db.assert_whole().await;
    }

    /// A future that was never polled has done nothing.
    #[test(Setup::wired())]
    async fn a_call_or_a_statement_that_is_never_polled_is_none(db: &TestDb<DB>) {
        let ended = transaction(&db.pool, async |tx| {
            insert(&mut *tx, 1).await?;
            drop(add(&mut *tx, 2));
            drop(insert(&mut *tx, 3));
            drop(tx.savepoint(async |tx| add(tx, 4).await));
            insert(&mut *tx, 5).await?;
            Ok::<_, AppError>(())
        });
        ended.await.unwrap();
        assert_sent(db, "BEGIN; insert 1; insert 5; COMMIT");
        assert_eq!(db.rows().await, [1, 5]);
        db.assert_whole().await;
    }
}
