//! What is done on the raw connection is not seen, and checked at the end.

use sqlx::Connection;
use sqlx_transactional::{Error as TxError, ReadTx, transaction, transactional};
use sqlx_transactional_tests::{Setup, TestDb, for_each_engine, for_engines};

use crate::{
    app::AppError,
    expect::own,
    slow::drop_pending,
    sql::{ids, insert, run},
    wire_text::assert_sent,
};

for_each_engine! {
    #[test]
    async fn out_10_a_raw_commit_is_told(db: &TestDb<DB>) {
        let ended = transaction(&db.pool, async |tx| {
            insert(&mut *tx, 1).await?;
            run(tx.connection().await?, "commit").await?;
            // In no transaction it would be there for good, and is not sent.
            let refused = insert(&mut *tx, 2).await.unwrap_err();
            assert!(own(&refused).is_ended_early(), "{refused:?}");
            Ok::<_, AppError>(())
        });
        let error = ended.await.unwrap_err();
        assert!(own(&error).is_ended_early(), "{error:?}");
        assert_eq!(own(&error).sqlstate(), "25P01");
        // What was committed is.
        assert_eq!(db.rows().await, [1]);
        db.assert_whole().await;
    }

    #[test]
    async fn out_10_a_raw_rollback_is_told(db: &TestDb<DB>) {
        let ended = transaction(&db.pool, async |tx| {
            insert(&mut *tx, 1).await?;
            run(tx.connection().await?, "rollback").await?;
            Ok::<_, AppError>(())
        });
        let error = ended.await.unwrap_err();
        assert!(own(&error).is_ended_early(), "{error:?}");
        assert_eq!(db.rows().await, [0; 0]);
        db.assert_whole().await;
    }

    #[test]
    async fn out_10_an_ended_transaction_does_not_run_commit_hooks(db: &TestDb<DB>) {
        let diary = crate::diary::Diary::default();
        let ended = transaction(&db.pool, async |tx| {
            tx.after_commit(diary.hook("committed"));
            run(tx.connection().await?, "rollback").await?;
            Ok::<_, AppError>(())
        });
        assert!(own(&ended.await.unwrap_err()).is_ended_early());
        assert_eq!(diary.read(), "");
    }

    #[transactional]
    async fn read_on_it_in_a_savepoint(tx: &mut ReadTx<'_, DB>) -> Result<Vec<i64>, AppError> {
        let read = tx.savepoint(async |tx| {
            let before = ids(tx.connection().await?).await?;
            let mut nested = tx.connection().await?.begin().await?;
            assert_eq!(ids(&mut *nested).await?, before);
            nested.commit().await?;
            Ok::<_, AppError>(before)
        });
        read.await
    }

    /// Also where nothing was sent before, in a transaction that only reads, and
    /// however often the connection is asked for.
    #[test]
    async fn what_is_begun_on_it_in_a_savepoint_is_another(db: &TestDb<DB>) {
        insert(&db.pool, 1).await.unwrap();
        assert_eq!(read_on_it_in_a_savepoint(&db.pool).await.unwrap(), [1]);
        db.assert_whole().await;
    }

    #[test(Setup::wired())]
    async fn raw_connection_from_the_beginning_costs_one_round_trip(db: &TestDb<DB>) {
        let ended = transaction(&db.pool, async |tx| {
            insert(tx.connection().await?, 1).await?;
            insert(tx.connection().await?, 2).await
        });
        ended.await.unwrap();
        assert_eq!(db.rows().await, [1, 2]);
        // The mark is part of the message of BEGIN.
        assert_sent(db, "BEGIN; MARK; insert 1; insert 2; PROVE; COMMIT");
        db.assert_whole().await;
    }

    #[test(Setup::wired())]
    async fn raw_connection_behind_a_statement_costs_two(db: &TestDb<DB>) {
        let ended = transaction(&db.pool, async |tx| {
            insert(&mut *tx, 1).await?;
            insert(tx.connection().await?, 2).await
        });
        ended.await.unwrap();
        assert_eq!(db.rows().await, [1, 2]);
        assert_sent(db, "BEGIN; insert 1; MARK; insert 2; PROVE; COMMIT");
        db.assert_whole().await;
    }

    /// sqlx's own nesting, done right, on the raw connection.
    #[test]
    async fn a_nested_transaction_of_sqlx_works_on_the_raw_connection(db: &TestDb<DB>) {
        let ended = transaction(&db.pool, async |tx| {
            insert(&mut *tx, 1).await?;
            let connection = tx.connection().await?;
            let mut kept = connection.begin().await?;
            insert(&mut *kept, 2).await?;
            kept.commit().await?;
            let mut undone = connection.begin().await?;
            insert(&mut *undone, 3).await?;
            undone.rollback().await?;
            insert(&mut *tx, 4).await
        });
        ended.await.unwrap();
        assert_eq!(db.rows().await, [1, 2, 4]);
        db.assert_whole().await;
    }

    #[test]
    async fn a_nested_transaction_of_sqlx_that_is_left_open_is_told(db: &TestDb<DB>) {
        let ended = transaction(&db.pool, async |tx| {
            insert(&mut *tx, 1).await?;
            let nested = tx.connection().await?.begin().await?;
            std::mem::forget(nested);
            Ok::<_, AppError>(())
        });
        let error = ended.await.unwrap_err();
        assert!(own(&error).is_unsupported(), "{error:?}");
        assert_eq!(own(&error).sqlstate(), "0A000");
        assert_eq!(db.rows().await, [0; 0]);
        db.assert_whole().await;
    }

    /// As above in a reader, whose connection has more to be put back.
    #[test]
    async fn a_readers_raw_connection_is_checked_too(db: &TestDb<DB>) {
        let ended = sqlx_transactional::read(&db.pool, async |tx| {
            ids(&mut *tx).await?;
            run(tx.connection().await?, "rollback").await?;
            Ok::<_, AppError>(())
        });
        let error = ended.await.unwrap_err();
        assert!(own(&error).is_ended_early(), "{error:?}");
        db.assert_whole().await;
        let ended = sqlx_transactional::read(&db.pool, async |tx| {
            let mut nested = tx.connection().await?.begin().await?;
            ids(&mut *nested).await?;
            nested.commit().await?;
            Ok::<_, AppError>(())
        });
        ended.await.unwrap();
        db.assert_whole().await;
    }

    /// A way to end a transaction that no text can show beforehand.
    #[test]
    async fn an_end_in_a_savepoint_is_told(db: &TestDb<DB>) {
        let ended = transaction(&db.pool, async |tx| {
            insert(&mut *tx, 1).await?;
            let inner = tx.savepoint(async |tx| {
                insert(&mut *tx, 2).await?;
                run(tx.connection().await?, "rollback").await?;
                Ok::<_, AppError>(())
            });
            let _ = inner.await;
            Ok::<_, AppError>(())
        });
        let error = ended.await.unwrap_err();
        assert!(TxError::find(&error).is_some(), "{error:?}");
        assert_eq!(db.rows().await, [0; 0]);
        db.assert_whole().await;
    }
}

mod nested {
    use super::*;

    for_engines! {
        [postgres]

        /// Where one that is nested does not begin, sqlx takes the outer one back as well,
        /// and counts none any more.
        #[test]
        async fn transaction_that_sqlx_took_back_is_told(db: &TestDb<DB>) {
            let ended = transaction(&db.pool, async |tx| {
                let connection = tx.connection().await?;
                insert(&mut *connection, 1).await?;
                insert(&mut *connection, 1).await.unwrap_err();
                connection.begin().await.map(drop).unwrap_err();
                let again = tx.connection().await.map(drop).unwrap_err();
                assert!(own(&again).is_ended_early(), "{again:?}");
                Ok::<_, AppError>(())
            });
            let error = ended.await.unwrap_err();
            assert!(own(&error).is_ended_early(), "{error:?}");
            assert_eq!(db.rows().await, [0; 0]);
            db.assert_whole().await;
        }

        /// An answer that nobody waited for is not the one to the question whose it is.
        #[test]
        async fn raw_rollback_behind_which_an_answer_is_left_is_told(db: &TestDb<DB>) {
            let ended = transaction(&db.pool, async |tx| {
                insert(&mut *tx, 1).await?;
                let connection = tx.connection().await?;
                run(&mut *connection, "rollback").await?;
                // 25P01 outside a transaction.
                drop_pending(run(connection, "savepoint x")).await;
                Ok::<_, AppError>(())
            });
            let error = ended.await.unwrap_err();
            assert!(own(&error).is_ended_early(), "{error:?}");
            assert_eq!(db.rows().await, [0; 0]);
            db.assert_whole().await;
        }

        /// It takes the mark away as well, and nobody can tell then whose it is.
        #[test]
        async fn reset_of_all_settings_is_told_as_an_end(db: &TestDb<DB>) {
            let ended = transaction(&db.pool, async |tx| {
                insert(tx.connection().await?, 1).await?;
                run(tx.connection().await?, "reset all").await
            });
            let error = ended.await.unwrap_err();
            assert!(own(&error).is_ended_early(), "{error:?}");
            assert_eq!(db.rows().await, [0; 0]);
            db.assert_whole().await;
        }
    }
}
