//! When a transaction on SQLite takes its locks: asked of a second connection,
//! because there is no wire to see BEGIN on.

mod exclusive;
mod joined;
mod reader;

use std::time::Duration;

use sqlx::{
    ConnectOptions, Connection, Pool, Sqlite, SqliteConnection,
    sqlite::{SqliteConnectOptions, SqlitePoolOptions},
};
use sqlx_transactional::{Retry, Tx, on, transaction};
use sqlx_transactional_tests::{Engine, Setup, TestDb, for_each_engine, for_engines};
use tempfile::TempDir;

use crate::{
    app::AppError,
    expect::{code, own},
    sql::{ids, insert, run},
    wire_text::assert_sent,
};

/// `SQLITE_BUSY` and `SQLITE_BUSY_SNAPSHOT`.
const BUSY: &str = "5";
const BUSY_SNAPSHOT: &str = "517";

/// A database with a rollback journal, where a reader and a writer can be in each
/// other's way, and with a pool of one.
#[derive(Debug)]
struct Journaled {
    pool: Pool<Sqlite>,
    options: SqliteConnectOptions,
    _folder: TempDir,
}

impl Journaled {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let options = SqliteConnectOptions::new()
            .filename(folder.path().join("journaled.db"))
            .create_if_missing(true)
            .busy_timeout(Duration::ZERO);
        let pool = SqlitePoolOptions::new().max_connections(1);
        let pool = pool.connect_with(options.clone()).await.unwrap();
        run(
            &pool,
            "create table notes (id integer primary key, body text not null)",
        )
        .await
        .unwrap();
        let mode = sqlx::query_scalar("pragma journal_mode");
        let mode: String = mode.fetch_one(&pool).await.unwrap();
        assert_eq!(mode, "delete");
        Self {
            pool,
            options,
            _folder: folder,
        }
    }

    async fn other(&self) -> SqliteConnection {
        self.options.connect().await.unwrap()
    }
}

/// A second connection, which does not wait.
async fn other(db: &TestDb<Sqlite>) -> SqliteConnection {
    let options = db.options().busy_timeout(Duration::ZERO);
    options.connect().await.unwrap()
}

/// Whether the lock of the one who writes can be had at this moment.
async fn is_free(other: &mut SqliteConnection) -> bool {
    match other.begin_with("begin immediate").await {
        Ok(tx) => {
            tx.rollback().await.unwrap();
            true
        }
        Err(error) => {
            assert_eq!(code(&error), BUSY);
            false
        }
    }
}

for_engines! {
    [sqlite]

    /// What is not said is `immediate`.
    #[test]
    async fn immediate_takes_the_writers_lock_at_its_first_statement(db: &TestDb<DB>) {
        let mut other = other(db).await;
        for said in [false, true] {
            let block = on(&db.pool);
            let block = if said { block.immediate() } else { block };
            let ended = block.run(async |tx| {
                assert!(is_free(&mut other).await, "nothing was sent yet");
                assert_eq!(ids(&mut *tx).await?, [0; 0]);
                assert!(!is_free(&mut other).await);
                // Readers go on: there is a write-ahead log.
                assert_eq!(ids(&mut other).await?, [0; 0]);
                Ok::<_, AppError>(())
            });
            ended.await.unwrap();
            assert!(is_free(&mut other).await);
            db.assert_whole().await;
        }
    }

    #[test]
    async fn deferred_takes_it_when_it_writes(db: &TestDb<DB>) {
        let mut other = other(db).await;
        let ended = on(&db.pool).deferred().run(async |tx| {
            assert_eq!(ids(&mut *tx).await?, [0; 0]);
            assert!(is_free(&mut other).await);
            insert(tx, 1).await?;
            assert!(!is_free(&mut other).await);
            Ok::<_, AppError>(())
        });
        ended.await.unwrap();
        assert_eq!(db.rows().await, [1]);
        db.assert_whole().await;
    }

    /// Its first write comes too late: 517, and no waiting helps.
    #[test]
    async fn deferred_fails_when_another_has_written_since(db: &TestDb<DB>) {
        let call = on(&db.pool).deferred().run(async |tx| {
            ids(&mut *tx).await?;
            insert(&db.observer, 1).await?;
            insert(tx, 2).await
        });
        let error = call.await.unwrap_err();
        assert_eq!(code(&error), BUSY_SNAPSHOT);
        assert_eq!(db.rows().await, [1]);
        db.assert_whole().await;
    }

    #[test]
    async fn and_is_run_again_where_that_is_asked_for(db: &TestDb<DB>) {
        let call = on(&db.pool).deferred().retry(Retry::new()).run(async |tx| {
            let seen = ids(&mut *tx).await?;
            if tx.attempt() == 1 {
                insert(&db.observer, 1).await?;
            }
            insert(&mut *tx, 2).await?;
            Ok::<_, AppError>((tx.attempt(), seen))
        });
        assert_eq!(call.await.unwrap(), (2, vec![1]));
        assert_eq!(db.rows().await, [1, 2]);
        db.assert_whole().await;
    }

    /// The mode is that of one transaction.
    #[test]
    async fn the_next_transaction_has_its_own(db: &TestDb<DB>) {
        let mut other = other(db).await;
        on(&db.pool).deferred().run(async |tx| ids(tx).await).await.unwrap();
        let ended = transaction(&db.pool, async |tx| {
            ids(tx).await?;
            assert!(!is_free(&mut other).await);
            Ok::<_, AppError>(())
        });
        ended.await.unwrap();
        db.assert_whole().await;
    }
}

mod elsewhere {
    use super::*;

    for_each_engine! {
        #[test(Setup::wired())]
        async fn the_other_engines_refuse_them(db: &TestDb<DB>) {
            if db.engine() == Engine::Sqlite {
                return;
            }
            let blocks =
                [on(&db.pool).deferred(), on(&db.pool).immediate(), on(&db.pool).exclusive()];
            for block in blocks {
                let mut ran = false;
                let ended = block.run(async |tx: &mut Tx<'_, DB>| {
                    ran = true;
                    insert(tx, 1).await
                });
                let error = ended.await.unwrap_err();
                assert!(own(&error).is_unsupported(), "{error:?}");
                assert!(error.to_string().contains("SQLite"), "{error}");
                assert!(!ran);
                assert_sent(db, "");
            }
            let reader = on(&db.pool).immediate().read(async |tx| ids(tx).await);
            assert!(own(&reader.await.unwrap_err()).is_unsupported());
            assert_eq!(db.rows().await, [0; 0]);
            db.assert_whole().await;
        }
    }
}
