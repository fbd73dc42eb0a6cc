//! Every form again and again on a small pool: no connection is lost.

use std::{future::pending, panic::AssertUnwindSafe, time::Duration};

use futures_util::FutureExt;
use sqlx_transactional::{ReadTx, Tx, on, read, transaction, transactional};
use sqlx_transactional_tests::{Setup, TestDb, for_each_engine};
use tokio::time::timeout;

use crate::{
    app::AppError,
    diary::Diary,
    sql::{ids, insert, run},
};

/// The size of the pool, and how often each form runs on it.
const SIZE: u32 = 2;
const TIMES: i64 = 7;

/// A setup with more time, because each form is checked afterwards.
fn setup() -> Setup {
    Setup::default().connections(SIZE)
}

for_each_engine! {
    #[transactional]
    async fn store(tx: &mut Tx<'_, DB>, id: i64, end: Result<(), u32>) -> Result<(), AppError> {
        insert(tx, id).await?;
        end.map_err(AppError::Refused)
    }

    #[transactional(savepoint)]
    async fn nest(tx: &mut Tx<'_, DB>, id: i64, end: Result<(), u32>) -> Result<(), AppError> {
        store(tx, id, end).await
    }

    #[transactional(outermost)]
    async fn outermost(tx: &mut Tx<'_, DB>, id: i64) -> Result<(), AppError> {
        store(tx, id, Ok(())).await
    }

    #[transactional]
    async fn list(tx: &mut ReadTx<'_, DB>) -> Result<Vec<i64>, AppError> {
        Ok(ids(tx).await?)
    }

    /// Runs `form` more often than the pool has connections, and asserts that
    /// every run ends in time, that the pool is whole after it, and that the
    /// notes are those that `keeps` says.
    async fn repeat(db: &TestDb<DB>, keeps: bool, form: impl AsyncFn(i64)) {
        run(&db.pool, "delete from notes").await.unwrap();
        for id in 0..i64::from(SIZE) + TIMES {
            timeout(Duration::from_secs(10), form(id)).await.expect("a connection");
        }
        db.assert_whole().await;
        let expected = if keeps { (0..i64::from(SIZE) + TIMES).collect() } else { Vec::new() };
        assert_eq!(db.rows().await, expected);
        assert_eq!(db.pool.size(), SIZE);
    }

    #[test(setup())]
    async fn pool_01_functions(db: &TestDb<DB>) {
        repeat(db, true, async |id| store(&db.pool, id, Ok(())).await.unwrap()).await;
        repeat(db, false, async |id| assert!(store(&db.pool, id, Err(1)).await.is_err())).await;
        repeat(db, true, async |id| nest(&db.pool, id, Ok(())).await.unwrap()).await;
        repeat(db, true, async |id| outermost(&db.pool, id).await.unwrap()).await;
        repeat(db, true, async |id| outermost(db.pool.clone(), id).await.unwrap()).await;
        repeat(db, false, async |_| assert_eq!(list(&db.pool).await.unwrap(), [0; 0])).await;
    }

    #[test(setup())]
    async fn pool_01_joins_and_savepoints(db: &TestDb<DB>) {
        repeat(db, true, async |id| {
            let joined = transaction(&db.pool, async |tx| store(tx, id, Ok(())).await);
            joined.await.unwrap();
        })
        .await;
        repeat(db, false, async |id| {
            let swallowed = transaction(&db.pool, async |tx| {
                let _ = store(tx, id, Err(1)).await;
                Ok::<_, AppError>(())
            });
            swallowed.await.unwrap_err();
        })
        .await;
        repeat(db, true, async |id| {
            let nested = transaction(&db.pool, async |tx| {
                let _ = nest(&mut *tx, 100 + id, Err(1)).await;
                nest(&mut *tx, id, Ok(())).await?;
                on(tx).savepoint().run(async |tx| list(tx).await).await
            });
            nested.await.unwrap();
        })
        .await;
    }

    #[test(setup())]
    async fn pool_01_bodies_that_do_not_return(db: &TestDb<DB>) {
        repeat(db, false, async |id| {
            let panics = transaction(&db.pool, async |tx| -> Result<(), AppError> {
                store(tx, id, Ok(())).await?;
                std::panic::resume_unwind(Box::new("inside"));
            });
            assert!(AssertUnwindSafe(panics).catch_unwind().await.is_err());
        })
        .await;
        repeat(db, false, async |id| {
            let endless = transaction(&db.pool, async |tx| {
                store(tx, id, Ok(())).await?;
                pending::<Result<(), AppError>>().await
            });
            assert!(timeout(Duration::from_millis(100), endless).await.is_err());
        })
        .await;
        repeat(db, false, async |_| {
            let endless = read(&db.pool, async |tx| {
                list(tx).await?;
                pending::<Result<(), AppError>>().await
            });
            assert!(timeout(Duration::from_millis(100), endless).await.is_err());
        })
        .await;
    }

    #[test(setup())]
    async fn pool_01_the_rest(db: &TestDb<DB>) {
        repeat(db, false, async |id| {
            let asked = transaction(&db.pool, async |tx| {
                tx.roll_back();
                store(tx, id, Ok(())).await
            });
            asked.await.unwrap();
        })
        .await;
        repeat(db, true, async |id| {
            let raw = transaction(&db.pool, async |tx| insert(tx.connection().await?, id).await);
            raw.await.unwrap();
        })
        .await;
        repeat(db, false, async |id| {
            let ended = transaction(&db.pool, async |tx| {
                insert(&mut *tx, id).await?;
                run(tx.connection().await?, "rollback").await
            });
            ended.await.unwrap_err();
        })
        .await;
        repeat(db, true, async |id| {
            let (pool, diary) = (db.pool.clone(), Diary::default());
            let book = diary.clone();
            let hooked = transaction(&db.pool, async |tx| {
                tx.after_commit(async move {
                    book.write(list(&pool).await.unwrap().len().to_string());
                });
                store(tx, id, Ok(())).await
            });
            hooked.await.unwrap();
            assert_eq!(diary.read(), (id + 1).to_string());
        })
        .await;
        repeat(db, true, async |id| {
            let mut lent = db.pool.acquire().await.unwrap();
            store(&mut lent, id, Ok(())).await.unwrap();
        })
        .await;
        repeat(db, true, async |id| {
            let mut owner = db.pool.begin().await.unwrap();
            store(&mut owner, id, Ok(())).await.unwrap();
            owner.commit().await.unwrap();
        })
        .await;
        repeat(db, false, async |_| {
            let nothing = transaction(&db.pool, async |_: &mut Tx<'_, DB>| Ok::<_, AppError>(()));
            nothing.await.unwrap();
        })
        .await;
    }
}
