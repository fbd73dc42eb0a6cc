//! A transaction that cannot begin: its first statement says so.

use std::time::Duration;

use sqlx::{Pool, pool::PoolOptions};
use sqlx_transactional::{Error as TxError, Tx, transaction, transactional};
use sqlx_transactional_tests::{Backend, Engine, Setup, TestDb, for_each_engine};

use crate::{
    app::AppError,
    diary::Diary,
    sql::{ids, insert},
    wire_text::assert_sent,
};

/// A pool on a server, or a file, that is not there.
fn unreachable<DB: Backend>() -> Pool<DB> {
    let url = match DB::ENGINE {
        Engine::Postgres => "postgres://nobody@127.0.0.1:1/none",
        Engine::MySql => "mysql://nobody@127.0.0.1:1/none",
        Engine::Sqlite => "sqlite:///nowhere/none.db",
    };
    PoolOptions::new()
        .acquire_timeout(Duration::from_secs(2))
        .connect_lazy(url)
        .unwrap()
}

/// Whether the error is one of not getting a connection.
fn is_no_connection(error: &sqlx::Error) -> bool {
    let cannot_open = error
        .as_database_error()
        .is_some_and(|error| error.code().as_deref() == Some("14"));
    TxError::find(error).is_none()
        && (cannot_open || matches!(error, sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut))
}

for_each_engine! {
    #[transactional]
    async fn store(tx: &mut Tx<'_, DB>, id: i64, diary: &Diary) -> Result<(), AppError> {
        diary.write("before");
        tx.after_commit(diary.hook("committed"));
        tx.after_rollback(diary.hook("rolled back"));
        insert(tx, id).await?;
        diary.write("after");
        Ok(())
    }

    /// The body runs as far as its first statement, which fails.
    #[test]
    async fn out_01_the_first_statement_fails_with_the_cause(_db: &TestDb<DB>) {
        let pool = unreachable::<DB>();
        let diary = Diary::default();
        let error = store(&pool, 1, &diary).await.unwrap_err().into_database();
        assert!(is_no_connection(&error), "{error:?}");
        assert_eq!(diary.read(), "before, rolled back");
        assert_eq!(pool.size(), 0);
    }

    #[test]
    async fn out_01_the_body_sees_the_error_and_may_answer_it(_db: &TestDb<DB>) {
        let pool = unreachable::<DB>();
        let ended = transaction(&pool, async |tx| {
            let error = insert(&mut *tx, 1).await.unwrap_err();
            assert!(is_no_connection(&error), "{error:?}");
            Err::<(), _>(AppError::Refused(3))
        });
        assert!(ended.await.unwrap_err().is_refused(3));
    }

    /// It has not begun, so it cannot have succeeded.
    #[test]
    async fn out_01_a_swallowed_failure_to_begin_is_no_success(_db: &TestDb<DB>) {
        let pool = unreachable::<DB>();
        let diary = Diary::default();
        let ended = transaction(&pool, async |tx| {
            tx.after_commit(diary.hook("committed"));
            let _ = insert(&mut *tx, 1).await;
            Ok::<_, AppError>(())
        });
        let told = ended.await;
        assert!(told.is_err(), "nothing was stored, and nothing was told");
        assert_eq!(diary.read(), "");
    }

    #[test]
    async fn out_01_a_busy_pool_is_the_first_statements_error(db: &TestDb<DB>) {
        let options = PoolOptions::<DB>::new()
            .max_connections(1)
            .acquire_timeout(Duration::from_millis(100));
        let pool = db.pool_with(options).await;
        let held = pool.acquire().await.unwrap();
        let ended = transaction(&pool, async |tx| insert(tx, 1).await);
        assert!(matches!(ended.await, Err(sqlx::Error::PoolTimedOut)));
        drop(held);
        transaction(&pool, async |tx| insert(tx, 2).await).await.unwrap();
        assert_eq!(db.rows().await, [2]);
        pool.close().await;
    }

    #[test]
    async fn out_01_a_closed_pool_is_the_first_statements_error(db: &TestDb<DB>) {
        let pool = db.pool_with(PoolOptions::new().max_connections(1)).await;
        pool.close().await;
        let ended = transaction(&pool, async |tx| insert(tx, 1).await);
        assert!(matches!(ended.await, Err(sqlx::Error::PoolClosed)));
    }

    #[test(Setup::wired())]
    async fn prop_14_the_outer_one_is_rolled_back_when_the_error_is_passed_on(db: &TestDb<DB>) {
        let second = unreachable::<DB>();
        let ended = transaction(&db.pool, async |tx| {
            insert(&mut *tx, 1).await?;
            store(&second, 2, &Diary::default()).await?;
            insert(&mut *tx, 3).await?;
            Ok::<_, AppError>(())
        });
        let error = ended.await.unwrap_err().into_database();
        assert!(is_no_connection(&error), "{error:?}");
        assert_eq!(db.rows().await, [0; 0]);
        assert_sent(db, "BEGIN; insert 1; ROLLBACK");
        db.assert_whole().await;
    }

    #[test(Setup::wired())]
    async fn pool_04_the_outer_one_goes_on_with_its_own_hooks_when_it_is_not(db: &TestDb<DB>) {
        let second = unreachable::<DB>();
        let (outer, inner) = (Diary::default(), Diary::default());
        let ended = transaction(&db.pool, async |tx| {
            tx.after_commit(outer.hook("committed"));
            insert(&mut *tx, 1).await?;
            assert!(store(&second, 2, &inner).await.is_err());
            insert(&mut *tx, 3).await?;
            assert_eq!(ids(&mut *tx).await?, [1, 3]);
            Ok::<_, AppError>(())
        });
        ended.await.unwrap();
        assert_eq!(outer.read(), "committed");
        assert_eq!(inner.read(), "before, rolled back");
        assert_eq!(db.rows().await, [1, 3]);
        db.assert_whole().await;
    }
}

/// BEGIN itself is refused while somebody else writes.
mod on_sqlite {
    use super::*;
    use crate::expect::engine_code;
    use sqlx_transactional_tests::for_engines;

    for_engines! {
        [sqlite]

        #[test]
        async fn out_01_a_refused_begin_leaves_the_connection_clean(db: &TestDb<DB>) {
            let impatient = db.options().busy_timeout(Duration::from_millis(50));
            let options = PoolOptions::<DB>::new().max_connections(1);
            let pool = options.connect_with(impatient).await.unwrap();
            let mut writer = db.observer.begin_with("begin immediate").await.unwrap();
            let ended = transaction(&pool, async |tx| {
                let busy = insert(&mut *tx, 1).await.unwrap_err();
                assert_eq!(engine_code(&busy), "5");
                Err::<(), _>(AppError::from(busy))
            });
            assert_eq!(engine_code(&ended.await.unwrap_err().into_database()), "5");
            insert(&mut *writer, 2).await.unwrap();
            writer.commit().await.unwrap();
            transaction(&pool, async |tx| insert(tx, 3).await).await.unwrap();
            assert_eq!(db.rows().await, [2, 3]);
            sqlx_transactional_tests::inspect::assert_whole(db, &pool).await;
            pool.close().await;
        }
    }
}
