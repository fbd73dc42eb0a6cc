//! `exclusive` keeps readers out as well, unless there is a write-ahead log.

use sqlx::Sqlite;
use sqlx_transactional::{Tx, on};
use sqlx_transactional_tests::{TestDb, for_engines};

use super::{BUSY, Journaled, is_free, other};
use crate::{
    app::AppError,
    expect::code,
    sql::{ids, insert},
};

/// Whether another connection can read while a block is open, given by whoever
/// opens it.
async fn reads(tx: &mut Tx<'_, Sqlite>, db: &Journaled) -> Result<bool, AppError> {
    ids(&mut *tx).await?;
    match ids(&mut db.other().await).await {
        Ok(found) => {
            assert!(found.is_empty());
            Ok(true)
        }
        Err(error) => {
            assert_eq!(code(&error), BUSY);
            Ok(false)
        }
    }
}

#[tokio::test]
async fn under_a_rollback_journal_nobody_reads_beside_it() {
    let db = Journaled::new().await;
    let block = || on(&db.pool);
    assert!(
        block()
            .deferred()
            .run(async |tx| reads(tx, &db).await)
            .await
            .unwrap()
    );
    assert!(
        block()
            .immediate()
            .run(async |tx| reads(tx, &db).await)
            .await
            .unwrap()
    );
    assert!(block().run(async |tx| reads(tx, &db).await).await.unwrap());
    assert!(
        !block()
            .exclusive()
            .run(async |tx| reads(tx, &db).await)
            .await
            .unwrap()
    );
    // As soon as it is over they read again.
    assert_eq!(ids(&mut db.other().await).await.unwrap(), [0; 0]);
    db.pool.close().await;
}

/// A reader that is under way keeps it out in turn.
#[tokio::test]
async fn it_waits_for_those_who_read() {
    let db = Journaled::new().await;
    insert(&db.pool, 1).await.unwrap();
    let mut reader = db.other().await;
    let mut reads = sqlx::Connection::begin(&mut reader).await.unwrap();
    assert_eq!(ids(&mut *reads).await.unwrap(), [1]);
    let ended = on(&db.pool)
        .exclusive()
        .run(async |tx| insert(tx, 2).await)
        .await;
    assert_eq!(code(&ended.unwrap_err()), BUSY);
    // One who only takes the writer's lock gets it.
    let began = on(&db.pool).immediate().run(async |tx| {
        insert(&mut *tx, 2).await?;
        tx.roll_back();
        Ok::<_, AppError>(())
    });
    began.await.unwrap();
    reads.rollback().await.unwrap();
    on(&db.pool)
        .exclusive()
        .run(async |tx| insert(tx, 2).await)
        .await
        .unwrap();
    assert_eq!(ids(&mut reader).await.unwrap(), [1, 2]);
    db.pool.close().await;
}

for_engines! {
    [sqlite]

    #[test]
    async fn under_a_write_ahead_log_they_do(db: &TestDb<DB>) {
        let mut other = other(db).await;
        let ended = on(&db.pool).exclusive().run(async |tx| {
            insert(tx, 1).await?;
            assert_eq!(ids(&mut other).await?, [0; 0]);
            assert!(!is_free(&mut other).await);
            Ok::<_, AppError>(())
        });
        ended.await.unwrap();
        assert_eq!(db.rows().await, [1]);
        db.assert_whole().await;
    }
}
