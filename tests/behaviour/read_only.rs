//! A reader cannot write, and leaves the connection as it was.

use std::{future::pending, panic::AssertUnwindSafe, time::Duration};

use futures_util::FutureExt;
use sqlx_transactional::{ReadTx, read, transaction, transactional};
use sqlx_transactional_tests::{Backend, Engine, Setup, TestDb, for_each_engine};
use tokio::time::timeout;

use crate::{
    app::AppError,
    expect::{code, doomed, engine_code},
    sql::{ids, insert, run},
    wire_text::assert_sent,
};

/// The engine's refusal of a write.
fn read_only<DB: Backend>() -> &'static str {
    match DB::ENGINE {
        Engine::Postgres | Engine::MySql => "25006",
        Engine::Sqlite => "8",
    }
}

for_each_engine! {
    #[transactional]
    async fn list(tx: &mut ReadTx<'_, DB>) -> Result<Vec<i64>, AppError> {
        Ok(ids(tx).await?)
    }

    /// A reader that tries to write through its handle.
    #[transactional]
    async fn write(tx: &mut ReadTx<'_, DB>) -> Result<(), AppError> {
        ids(&mut *tx).await?;
        insert(tx, 1).await?;
        Ok(())
    }

    /// The pool's only connection writes again, with and without a transaction.
    async fn assert_writable(db: &TestDb<DB>, id: i64) {
        db.assert_whole().await;
        transaction(&db.pool, async |tx| insert(tx, id).await).await.unwrap();
        assert_eq!(db.rows().await.last(), Some(&id));
        db.assert_whole().await;
        if db.engine() == Engine::Sqlite {
            let mut connection = db.pool.acquire().await.unwrap();
            let setting = DB::numbers(&mut connection, "select query_only from pragma_query_only");
            assert_eq!(setting.await.unwrap(), [0]);
        }
    }

    #[test(Setup::wired())]
    async fn iso_09_the_engine_refuses_a_readers_write(db: &TestDb<DB>) {
        let error = write(&db.pool).await.unwrap_err().into_database();
        assert_eq!(engine_code(&error), read_only::<DB>());
        assert_eq!(db.rows().await, [0; 0]);
        assert_writable(db, 1).await;
    }

    #[test]
    async fn iso_11_through_another_scope_as_well(db: &TestDb<DB>) {
        let ended = read(&db.pool, async |tx| {
            assert_eq!(list(&mut *tx).await?, [0; 0]);
            let joined = write(&mut *tx).await.unwrap_err();
            assert_eq!(engine_code(&joined.into_database()), read_only::<DB>());
            Ok::<_, AppError>(())
        });
        assert_eq!(code(doomed(&ended.await.unwrap_err())), read_only::<DB>());
        let ended = read(&db.pool, async |tx| {
            let nested = tx.savepoint(async |tx| write(tx).await);
            let error = nested.await.unwrap_err().into_database();
            assert_eq!(engine_code(&error), read_only::<DB>());
            // The savepoint is undone and the reader goes on.
            list(tx).await
        });
        assert_eq!(ended.await.unwrap(), [0; 0]);
        let ended = read(&db.pool, async |tx| insert(tx.connection().await?, 1).await);
        assert_eq!(engine_code(&ended.await.unwrap_err()), read_only::<DB>());
        assert_eq!(db.rows().await, [0; 0]);
        assert_writable(db, 1).await;
    }

    #[test(Setup::wired())]
    async fn a_reader_costs_no_message_more_than_a_writer(db: &TestDb<DB>) {
        assert_eq!(list(&db.pool).await.unwrap(), [0; 0]);
        assert_sent(db, "BEGIN READ ONLY; select id from notes order by id; COMMIT");
        if let Some(wire) = &db.wire {
            db.settle().await;
            let _ = wire.take_counts();
            list(&db.pool).await.unwrap();
            db.settle().await;
            let counts = wire.take_counts();
            assert_eq!(counts.round_trips - counts.pings, 3);
        }
        assert_writable(db, 1).await;
    }

    /// Whatever the end, the connection is as it was.
    #[test]
    async fn the_connection_writes_again_after_every_end(db: &TestDb<DB>) {
        list(&db.pool).await.unwrap();
        assert_writable(db, 1).await;

        let refused = read(&db.pool, async |tx| {
            list(tx).await?;
            Err::<(), _>(AppError::Refused(1))
        });
        assert!(refused.await.unwrap_err().is_refused(1));
        assert_writable(db, 2).await;

        let asked = read(&db.pool, async |tx| {
            tx.roll_back();
            list(tx).await
        });
        asked.await.unwrap();
        assert_writable(db, 3).await;

        let panics = read(&db.pool, async |tx| -> Result<(), AppError> {
            list(tx).await?;
            std::panic::resume_unwind(Box::new("inside"));
        });
        assert!(AssertUnwindSafe(panics).catch_unwind().await.is_err());
        assert_writable(db, 4).await;

        let endless = read(&db.pool, async |tx| -> Result<(), AppError> {
            list(tx).await?;
            pending().await
        });
        assert!(timeout(Duration::from_millis(200), endless).await.is_err());
        assert_writable(db, 5).await;

        let swallowed = read(&db.pool, async |tx| {
            let _ = write(tx).await;
            Ok::<_, AppError>(())
        });
        let _ = doomed(&swallowed.await.unwrap_err());
        assert_writable(db, 6).await;

        let raw = read(&db.pool, async |tx| ids(tx.connection().await?).await);
        raw.await.unwrap();
        assert_writable(db, 7).await;

        let raw_and_refused = read(&db.pool, async |tx| {
            ids(tx.connection().await?).await?;
            Err::<(), _>(AppError::Refused(1))
        });
        assert!(raw_and_refused.await.unwrap_err().is_refused(1));
        assert_writable(db, 8).await;
    }

    /// On a connection that is lent, too: its owner gets it back able to write.
    #[test]
    async fn a_lent_connection_writes_again_after_every_end(db: &TestDb<DB>) {
        let mut lent = db.pool.acquire().await.unwrap();
        list(&mut lent).await.unwrap();
        insert(&mut *lent, 1).await.unwrap();
        assert!(write(&mut lent).await.is_err());
        insert(&mut *lent, 2).await.unwrap();
        let endless = read(&mut lent, async |tx| -> Result<(), AppError> {
            list(tx).await?;
            pending().await
        });
        assert!(timeout(Duration::from_millis(200), endless).await.is_err());
        insert(&mut *lent, 3).await.unwrap();
        let raw = read(&mut lent, async |tx| ids(tx.connection().await?).await);
        raw.await.unwrap();
        insert(&mut *lent, 4).await.unwrap();
        drop(lent);
        assert_eq!(db.rows().await, [1, 2, 3, 4]);
        db.assert_whole().await;
    }

    /// A reader waits for no writer, and keeps none from writing.
    #[test]
    async fn a_reader_is_in_nobodys_way(db: &TestDb<DB>) {
        insert(&db.observer, 1).await.unwrap();
        let ended = read(&db.pool, async |tx| {
            let before = list(&mut *tx).await?;
            insert(&db.observer, 2).await?;
            Ok::<_, AppError>(before)
        });
        assert_eq!(ended.await.unwrap(), [1]);
        assert_eq!(db.rows().await, [1, 2]);
        db.assert_whole().await;
    }
}

mod on_purpose {
    use super::*;
    use sqlx_transactional_tests::for_engines;

    for_engines! {
        [postgres, sqlite]

        /// It keeps nobody from writing on purpose, and the connection is as it was behind it.
        #[test]
        async fn a_reader_that_asks_to_write_may(db: &TestDb<DB>) {
            let ask = match db.engine() {
                Engine::Postgres => "set transaction read write",
                _ => "pragma query_only = 0",
            };
            let written = read(&db.pool, async |tx| {
                run(&mut *tx, ask).await?;
                insert(tx, 2).await
            });
            written.await.unwrap();
            assert_eq!(db.rows().await, [2]);
            let refused = read(&db.pool, async |tx| insert(tx, 3).await);
            assert_eq!(engine_code(&refused.await.unwrap_err()), read_only::<DB>());
            db.assert_whole().await;
            insert(&db.pool, 3).await.unwrap();
            assert_eq!(db.rows().await, [2, 3]);
        }
    }
}
