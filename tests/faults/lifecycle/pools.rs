//! A pool that is closed while a transaction is open on it.

use crate::ledger::{PATIENCE, Run};
use crate::notes::Notes;
use crate::pools::recommended;
use sqlx::{Error, Pool};
use sqlx_transactional::{Tx, transactional};
use sqlx_transactional_tests::{TestDb, for_each_engine};
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// Stores a note, has the pool closed, stores another.
#[transactional]
async fn closing<DB: Notes>(
    tx: &mut Tx<'_, DB>,
    run: &Run,
    closed: &mut Option<JoinHandle<()>>,
    pool: &Pool<DB>,
) -> Result<(), Error> {
    tx.after_commit(run.on_commit());
    tx.after_rollback(run.on_rollback());
    DB::insert(&mut *tx, run.id(1)).await?;
    let closing = tokio::spawn({
        let pool = pool.clone();
        async move { pool.close().await }
    });
    pool.close_event().await;
    *closed = Some(closing);
    DB::insert_cold(tx, run.id(2)).await
}

#[transactional]
async fn closing_and_failing<DB: Notes>(
    tx: &mut Tx<'_, DB>,
    run: &Run,
    closed: &mut Option<JoinHandle<()>>,
    pool: &Pool<DB>,
) -> Result<(), Error> {
    closing(tx, run, closed, pool).await?;
    Err(Error::RowNotFound)
}

async fn assert_closed(closed: Option<JoinHandle<()>>) {
    let closed = timeout(PATIENCE, closed.expect("it was asked to close")).await;
    closed.expect("the pool closes").expect("without a panic");
}

for_each_engine! {
    #[test]
    async fn an_open_transaction_commits(db: &TestDb<DB>) {
        let pool = db.pool_with(recommended(db.url(), 1)).await;
        let (run, mut closed) = (Run::new(1), None);
        closing(&pool, &run, &mut closed, &pool).await.unwrap();
        assert_closed(closed).await;
        assert_eq!(run.wait_for_hooks(1).await, (1, 0));
        assert_eq!(db.rows().await, [run.id(1), run.id(2)]);
        db.assert_whole().await;
    }

    #[test]
    async fn an_open_transaction_rolls_back(db: &TestDb<DB>) {
        let pool = db.pool_with(recommended(db.url(), 1)).await;
        let (run, mut closed) = (Run::new(1), None);
        let outcome = closing_and_failing(&pool, &run, &mut closed, &pool).await;
        assert!(matches!(outcome, Err(Error::RowNotFound)), "{outcome:?}");
        assert_closed(closed).await;
        assert_eq!(run.wait_for_hooks(1).await, (0, 1));
        assert_eq!(db.rows().await, [0; 0]);
        db.assert_whole().await;
    }

    #[test]
    async fn a_transaction_that_is_dropped_is_rolled_back(db: &TestDb<DB>) {
        let pool = db.pool_with(recommended(db.url(), 1)).await;
        let (run, mut closed) = (Run::new(1), None);
        let reached = tokio::sync::Notify::new();
        let call = sqlx_transactional::transaction(&pool, async |tx: &mut Tx<'_, DB>| {
            closing(tx, &run, &mut closed, &pool).await?;
            reached.notify_one();
            std::future::pending::<Result<(), Error>>().await
        });
        tokio::select! {
            _ = call => panic!("it never ends"),
            () = reached.notified() => {}
        }
        assert_closed(closed).await;
        assert_eq!(run.wait_for_hooks(1).await, (0, 1));
        assert_eq!(db.rows().await, [0; 0]);
        db.assert_whole().await;
    }

    #[test]
    async fn a_closed_pool_is_an_error(db: &TestDb<DB>) {
        let pool = db.pool_with(recommended(db.url(), 1)).await;
        pool.close().await;
        let run = Run::new(1);
        let outcome = closing(&pool, &run, &mut None, &pool).await;
        assert!(matches!(outcome, Err(Error::PoolClosed)), "{outcome:?}");
        assert_eq!(run.wait_for_hooks(1).await, (0, 1));
    }
}
