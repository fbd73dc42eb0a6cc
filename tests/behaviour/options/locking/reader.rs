//! A reader that takes the writer's lock: it still cannot write, and the
//! connection is as it was afterwards.

use std::{future::pending, time::Duration};

use sqlx::{Pool, Sqlite, sqlite::SqlitePoolOptions};
use sqlx_transactional::{ReadTx, on, transaction};
use sqlx_transactional_tests::{TestDb, for_engines, poll_k_then_drop};
use tokio::time::timeout;

use super::{BUSY, Journaled, is_free, other};
use crate::{
    app::AppError,
    expect::code,
    sql::{ids, insert, run},
};

/// `SQLITE_READONLY`.
const READ_ONLY: &str = "8";

/// The pool's only connection writes again, with and without a transaction, and
/// for readers as well.
async fn assert_writable(pool: &Pool<Sqlite>, id: i64) {
    let mut connection = pool.acquire().await.unwrap();
    let setting = "select query_only from pragma_query_only";
    let setting: i64 = sqlx::query_scalar(setting)
        .fetch_one(&mut *connection)
        .await
        .unwrap();
    assert_eq!(setting, 0);
    insert(&mut *connection, id).await.unwrap();
    drop(connection);
    transaction(pool, async |tx| insert(tx, id + 1).await)
        .await
        .unwrap();
}

for_engines! {
    [sqlite]

    #[test]
    async fn it_holds_the_lock_and_cannot_write(db: &TestDb<DB>) {
        let mut other = other(db).await;
        for (exclusive, id) in [(false, 10), (true, 20)] {
            let block = on(&db.pool);
            let block = if exclusive { block.exclusive() } else { block.immediate() };
            let ended = block.read(async |tx: &mut ReadTx<'_, DB>| {
                ids(&mut *tx).await?;
                assert!(!is_free(&mut other).await);
                insert(tx, 1).await
            });
            assert_eq!(code(&ended.await.unwrap_err()), READ_ONLY);
            assert!(is_free(&mut other).await);
            assert_writable(&db.pool, id).await;
            db.assert_whole().await;
        }
        assert_eq!(db.rows().await, [10, 11, 20, 21]);
    }

    /// What is not said is `deferred`.
    #[test]
    async fn one_that_says_nothing_holds_no_lock(db: &TestDb<DB>) {
        let mut other = other(db).await;
        for said in [false, true] {
            let block = on(&db.pool);
            let block = if said { block.deferred() } else { block };
            let ended = block.read(async |tx| {
                ids(&mut *tx).await?;
                assert!(is_free(&mut other).await);
                Ok::<_, AppError>(())
            });
            ended.await.unwrap();
        }
        db.assert_whole().await;
    }

    #[test]
    async fn the_connection_writes_again_after_every_end(db: &TestDb<DB>) {
        let block = || on(&db.pool).immediate();
        block().read(async |tx| ids(tx).await).await.unwrap();
        assert_writable(&db.pool, 10).await;

        let asked = block().read(async |tx| {
            tx.roll_back();
            ids(tx).await
        });
        asked.await.unwrap();
        assert_writable(&db.pool, 20).await;

        let refused = block().read(async |tx| {
            ids(tx).await?;
            Err::<(), _>(AppError::Refused(1))
        });
        assert!(refused.await.unwrap_err().is_refused(1));
        assert_writable(&db.pool, 30).await;

        let endless = block().read(async |tx| {
            ids(tx).await?;
            pending::<Result<(), AppError>>().await
        });
        assert!(timeout(Duration::from_millis(200), endless).await.is_err());
        assert_writable(&db.pool, 40).await;
        assert_eq!(db.rows().await, [10, 11, 20, 21, 30, 31, 40, 41]);
        db.assert_whole().await;
    }

    /// Dropped at each of its first polls: in BEGIN, in its statement, at its end.
    #[test]
    async fn wherever_it_is_dropped(db: &TestDb<DB>) {
        for (polls, id) in (1..12).zip((10..).step_by(2)) {
            let call = on(&db.pool).immediate().read(async |tx| ids(tx).await.map(drop));
            let _ = poll_k_then_drop(call, polls).await;
            assert_writable(&db.pool, id).await;
        }
        db.assert_whole().await;
    }

    /// Somebody writes, for longer than it waits.
    #[test]
    async fn when_it_does_not_get_the_lock(db: &TestDb<DB>) {
        let options = db.options().busy_timeout(Duration::from_millis(50));
        let pool = SqlitePoolOptions::new().max_connections(1);
        let pool = pool.connect_with(options).await.unwrap();
        let mut other = other(db).await;
        for (dropped, id) in [(false, 10), (true, 20)] {
            run(&mut other, "begin immediate").await.unwrap();
            let call = on(&pool).immediate().read(async |tx| ids(tx).await);
            if dropped {
                assert!(timeout(Duration::from_millis(10), call).await.is_err());
            } else {
                assert_eq!(code(&call.await.unwrap_err()), BUSY);
            }
            run(&mut other, "rollback").await.unwrap();
            assert_writable(&pool, id).await;
        }
        assert_eq!(db.rows().await, [10, 11, 20, 21]);
        pool.close().await;
    }

    /// The same on a connection of the caller's.
    #[test]
    async fn on_the_callers_connection(db: &TestDb<DB>) {
        let mut other = other(db).await;
        let mut connection = db.pool.acquire().await.unwrap();
        run(&mut *connection, "pragma busy_timeout = 50").await.unwrap();
        let ended = on(&mut connection).immediate().read(async |tx| {
            ids(&mut *tx).await?;
            assert!(!is_free(&mut other).await);
            Ok::<_, AppError>(())
        });
        ended.await.unwrap();
        run(&mut other, "begin immediate").await.unwrap();
        let busy = on(&mut connection).immediate().read(async |tx| ids(tx).await);
        assert_eq!(code(&busy.await.unwrap_err()), BUSY);
        let dropped = on(&mut connection).immediate().read(async |tx| ids(tx).await);
        assert!(timeout(Duration::from_millis(10), dropped).await.is_err());
        run(&mut other, "rollback").await.unwrap();
        drop(connection);
        assert_writable(&db.pool, 10).await;
        db.assert_whole().await;
    }
}

/// Under a rollback journal an exclusive reader keeps readers out, and goes.
#[tokio::test]
async fn an_exclusive_one_keeps_readers_out() {
    let db = Journaled::new().await;
    let ended = on(&db.pool).exclusive().read(async |tx| {
        ids(tx).await?;
        let error = ids(&mut db.other().await).await.unwrap_err();
        assert_eq!(code(&error), BUSY);
        Ok::<_, AppError>(())
    });
    ended.await.unwrap();
    assert_writable(&db.pool, 10).await;
    assert_eq!(ids(&mut db.other().await).await.unwrap(), [10, 11]);
    db.pool.close().await;
}
