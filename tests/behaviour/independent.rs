//! A second transaction, begun on the pool while one is open: what is
//! `REQUIRES_NEW` elsewhere.

use sqlx_transactional::{Tx, transaction, transactional};
use sqlx_transactional_tests::{Setup, TestDb, for_engines};

use crate::{app::AppError, sql::insert, wire_text::assert_sent};

mod on_one_database {
    use super::*;

    for_engines! {
        [postgres, mysql]

        #[transactional]
        async fn audit(tx: &mut Tx<'_, DB>, id: i64, end: Result<(), u32>) -> Result<(), AppError> {
            insert(tx, id).await?;
            end.map_err(AppError::Refused)
        }

        #[test(Setup::wired().connections(2))]
        async fn prop_12_the_inner_one_fails_by_itself(db: &TestDb<DB>) {
            // Both connections are there beforehand.
            drop((db.pool.acquire().await.unwrap(), db.pool.acquire().await.unwrap()));
            db.settle().await;
            let _ = db.wire().take_log();
            let ended = transaction(&db.pool, async |tx| {
                insert(&mut *tx, 1).await?;
                assert!(audit(&db.pool, 2, Err(5)).await.unwrap_err().is_refused(5));
                let asked = transaction(&db.pool, async |tx| {
                    insert(&mut *tx, 3).await?;
                    tx.roll_back();
                    Ok::<_, AppError>(())
                });
                asked.await?;
                insert(&mut *tx, 4).await?;
                Ok::<_, AppError>(())
            });
            ended.await.unwrap();
            assert_eq!(db.rows().await, [1, 4]);
            assert_sent(
                db,
                "BEGIN; insert 1; BEGIN; insert 2; ROLLBACK; \
                 BEGIN; insert 3; ROLLBACK; insert 4; COMMIT",
            );
            // Each on a connection of its own.
            let sessions = db.wire().by_connection();
            let of = |needle: &str| {
                let has = |session: &Vec<String>| session.iter().any(|line| line.contains(needle));
                sessions.iter().position(has).unwrap()
            };
            assert_eq!(of("values (1,"), of("values (4,"));
            assert_ne!(of("values (1,"), of("values (2,"));
            db.assert_whole().await;
        }

        #[test(Setup::wired().connections(2))]
        async fn prop_13_the_inner_one_stays_when_the_outer_fails(db: &TestDb<DB>) {
            let ended = transaction(&db.pool, async |tx| {
                insert(&mut *tx, 1).await?;
                audit(&db.pool, 2, Ok(())).await?;
                assert_eq!(db.rows().await, [2]);
                insert(&mut *tx, 3).await?;
                Err::<(), _>(AppError::Refused(1))
            });
            assert!(ended.await.unwrap_err().is_refused(1));
            assert_eq!(db.rows().await, [2]);
            db.assert_whole().await;
        }
    }
}

/// SQLite has one writer at a time: the second one waits for the first, and
/// says so when that takes too long.
mod on_sqlite {
    use super::*;
    use crate::{expect::engine_code, sql::ids};
    use sqlx::sqlite::SqlitePoolOptions;
    use sqlx_transactional::read;
    use std::time::Duration;

    for_engines! {
        [sqlite]

        #[test(Setup::default().connections(2))]
        async fn prop_12_a_second_writer_is_refused_and_the_first_goes_on(db: &TestDb<DB>) {
            let impatient = db.options().busy_timeout(Duration::from_millis(50));
            let impatient = SqlitePoolOptions::new().connect_with(impatient).await.unwrap();
            let ended = transaction(&db.pool, async |tx| {
                insert(&mut *tx, 1).await?;
                let second = transaction(&impatient, async |tx| insert(tx, 2).await);
                assert_eq!(engine_code(&second.await.unwrap_err()), "5");
                insert(&mut *tx, 3).await?;
                Ok::<_, AppError>(())
            });
            ended.await.unwrap();
            transaction(&impatient, async |tx| insert(tx, 4).await).await.unwrap();
            assert_eq!(db.rows().await, [1, 3, 4]);
            impatient.close().await;
            db.assert_whole().await;
        }

        #[test(Setup::default().connections(2))]
        async fn prop_13_a_writer_inside_a_reader_stays(db: &TestDb<DB>) {
            let ended = read(&db.pool, async |tx| {
                ids(&mut *tx).await?;
                transaction(&db.pool, async |tx| insert(tx, 1).await).await?;
                Err::<(), _>(AppError::Refused(1))
            });
            assert!(ended.await.unwrap_err().is_refused(1));
            assert_eq!(db.rows().await, [1]);
            db.assert_whole().await;
        }
    }
}

mod on_two_databases {
    use super::*;
    use sqlx_transactional_tests::for_each_engine;

    for_each_engine! {
        #[test]
        async fn multi_01_a_transaction_on_one_leaves_the_other_alone(db: &TestDb<DB>) {
            let other: TestDb<DB> = TestDb::start(Setup::default()).await;
            let ended = transaction(&db.pool, async |tx| {
                insert(&mut *tx, 1).await?;
                insert(&other.pool, 2).await?;
                assert_eq!(other.rows().await, [2], "stored at once");
                let inner = transaction(&other.pool, async |tx| insert(tx, 3).await);
                inner.await?;
                assert_eq!(other.rows().await, [2, 3]);
                Err::<(), _>(AppError::Refused(1))
            });
            assert!(ended.await.unwrap_err().is_refused(1));
            assert_eq!(db.rows().await, [0; 0]);
            assert_eq!(other.rows().await, [2, 3]);
            other.assert_whole().await;
            other.finish().await.unwrap();
            db.assert_whole().await;
        }
    }
}
