//! A level is that of one transaction: the next on the same connection has its own.

use std::{future::pending, time::Duration};

use sqlx_transactional::{Isolation, Limits, on, transaction};
use sqlx_transactional_tests::{Action, Backend, Point, Setup, TestDb, for_engines};
use tokio::time::timeout;

use super::level::{self, assert_level, default};
use crate::{app::AppError, options::assert_stored, slow, sql::insert};

/// None of them is a server's default.
const ASKED: [Isolation; 2] = [Isolation::ReadUncommitted, Isolation::Serializable];

for_engines! {
    [postgres, mysql]

    /// The next transaction on the pool's only connection has the server's level.
    async fn assert_default(db: &TestDb<DB>) {
        let ended = transaction(&db.pool, async |tx| {
            insert(&mut *tx, 100).await?;
            assert_level::<DB>(tx.connection().await?, default::<DB>()).await;
            Err::<(), _>(AppError::Refused(100))
        });
        assert!(ended.await.unwrap_err().is_refused(100));
        let mut connection = db.pool.acquire().await.unwrap();
        // What sqlx begins has it as well.
        let mut tx = sqlx::Connection::begin(&mut *connection).await.unwrap();
        insert(&mut *tx, 101).await.unwrap();
        assert_level::<DB>(&mut tx, default::<DB>()).await;
        tx.rollback().await.unwrap();
    }

    #[test]
    async fn whatever_the_end(db: &TestDb<DB>) {
        for asked in ASKED {
            let at = || on(&db.pool).isolation(asked);
            at().run(async |tx| insert(tx, 1).await).await.unwrap();
            assert_default(db).await;

            let refused = at().run(async |tx| {
                insert(tx, 2).await?;
                Err::<(), _>(AppError::Refused(2))
            });
            assert!(refused.await.unwrap_err().is_refused(2));
            assert_default(db).await;

            // A failed statement, and it is swallowed.
            let doomed = at().run(async |tx| {
                let _ = insert(&mut *tx, 1).await;
                tx.roll_back();
                Ok::<_, AppError>(())
            });
            doomed.await.unwrap();
            assert_default(db).await;

            let endless = at().run(async |tx| {
                insert(tx, 3).await?;
                pending::<Result<(), AppError>>().await
            });
            assert!(timeout(Duration::from_millis(200), endless).await.is_err());
            assert_default(db).await;

            let limit = Limits::new().timeout(Duration::from_millis(200));
            let late = at().limits(limit).run(async |tx| {
                insert(tx, 4).await?;
                pending::<Result<(), AppError>>().await
            });
            late.await.unwrap_err();
            assert_default(db).await;

            assert_stored(db, &[1]).await;
            db.assert_whole().await;
        }
    }

    /// BEGIN was sent and its answer is on its way.
    #[test(Setup::wired())]
    async fn when_the_future_is_dropped_in_begin(db: &TestDb<DB>) {
        let begin = level::begin::<DB>(Isolation::Serializable, "");
        db.wire().arm(Point::reply_to(&begin), Action::Hold);
        let call = on(&db.pool).isolation(Isolation::Serializable);
        let call = call.run(async |tx| insert(tx, 1).await);
        assert!(timeout(Duration::from_millis(200), call).await.is_err());
        db.wire().wait_until_held().await;
        db.wire().release();
        assert_default(db).await;
        assert_stored(db, &[]).await;
        db.assert_whole().await;
        assert_eq!(db.wire().by_connection().len(), 1, "it is the same connection");
    }

    /// Nothing of the transaction was sent, so it is begun again elsewhere.
    #[test(Setup::wired())]
    async fn a_begin_that_is_cut_off_is_sent_again_with_its_level(db: &TestDb<DB>) {
        for point in [Point::command, Point::reply_to] {
            db.wire().arm(point("ISOLATION LEVEL SERIALIZABLE"), Action::Cut);
            let ended = on(&db.pool).isolation(Isolation::Serializable).run(async |tx| {
                insert(&mut *tx, 1).await?;
                assert_level::<DB>(tx.connection().await?, Isolation::Serializable).await;
                Ok::<_, AppError>(())
            });
            ended.await.unwrap();
            assert_default(db).await;
            assert_stored(db, &[1]).await;
            db.assert_whole().await;
        }
        assert_eq!(db.wire().by_connection().len(), 3);
    }

    /// On a connection of the caller's as well, which it goes on using.
    #[test]
    async fn on_the_callers_connection(db: &TestDb<DB>) {
        let mut connection = db.pool.acquire().await.unwrap();
        for asked in ASKED {
            let ended = on(&mut connection).isolation(asked).run(async |tx| insert(tx, 1).await);
            ended.await.unwrap();
            let next = transaction(&mut connection, async |tx| {
                insert(&mut *tx, 2).await?;
                assert_level::<DB>(tx.connection().await?, default::<DB>()).await;
                Err::<(), _>(AppError::Refused(2))
            });
            assert!(next.await.unwrap_err().is_refused(2));
            assert_stored(db, &[1]).await;
        }
        drop(connection);
        db.assert_whole().await;
    }

    /// A statement is under way when the body is dropped.
    #[test]
    async fn when_a_statement_is_dropped(db: &TestDb<DB>) {
        let call = on(&db.pool).isolation(Isolation::Serializable).run(async |tx| {
            insert(&mut *tx, 1).await?;
            let slow = sqlx::query(slow::insert::<DB>());
            slow::drop_pending(slow.execute(tx)).await;
            pending::<Result<(), AppError>>().await
        });
        assert!(timeout(Duration::from_millis(100), call).await.is_err());
        assert_default(db).await;
        assert_stored(db, &[]).await;
        db.assert_whole().await;
    }
}

mod on_mysql {
    use super::*;
    use sqlx::MySql;

    for_engines! {
        [mysql]

        /// What this crate relies on where START TRANSACTION itself fails: a level
        /// that no transaction has used is taken back by ROLLBACK.
        #[test]
        async fn a_rollback_takes_back_what_was_not_used(db: &TestDb<DB>) {
            let mut connection = db.pool.acquire().await.unwrap();
            let set = level::begin::<MySql>(Isolation::Serializable, "");
            let set = set.strip_suffix("; START TRANSACTION").unwrap();
            DB::execute(&mut connection, set).await.unwrap();
            DB::execute(&mut connection, "rollback").await.unwrap();
            drop(connection);
            assert_default(db).await;
        }

        async fn assert_default(db: &TestDb<DB>) {
            let ended = transaction(&db.pool, async |tx| {
                insert(&mut *tx, 1).await?;
                assert_level::<DB>(tx.connection().await?, default::<DB>()).await;
                Ok::<_, AppError>(())
            });
            ended.await.unwrap();
            assert_stored(db, &[1]).await;
        }
    }
}
