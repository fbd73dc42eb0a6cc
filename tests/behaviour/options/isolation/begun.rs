//! Each level on the wire, and as the server sees it.

use std::time::Duration;

use sqlx_transactional::{Isolation, Limits, Retry, on};
use sqlx_transactional_tests::{Engine, Setup, TestDb, Wire, for_each_engine};

use super::level::{self, LEVELS, assert_level};
use crate::{
    app::AppError,
    sql::{ids, insert},
    wire_text::who,
};

for_each_engine! {
    /// What was sent since the last call, message by message; `None` without a wire.
    fn messages(db: &TestDb<DB>) -> Option<Vec<String>> {
        db.wire.as_ref().map(Wire::take_statements)
    }

    #[test(Setup::wired())]
    async fn iso_01_each_level_is_in_the_message_of_begin(db: &TestDb<DB>) {
        for (id, asked) in (1..).zip(LEVELS) {
            let ended = on(&db.pool).isolation(asked).run(async |tx| insert(tx, id).await);
            ended.await.unwrap();
            if let Some(sent) = messages(db) {
                assert_eq!(sent.len(), 3, "{sent:?}");
                assert_eq!(sent[0], level::begin::<DB>(asked, ""));
                assert_eq!(sent[2], "COMMIT");
            }
        }
        assert_eq!(db.rows().await, [1, 2, 3, 4]);
        db.assert_whole().await;
    }

    #[test]
    async fn the_server_says_so_itself(db: &TestDb<DB>) {
        for (id, asked) in (1..).zip(LEVELS) {
            let ended = on(&db.pool).isolation(asked).run(async |tx| {
                insert(&mut *tx, id).await?;
                assert_level::<DB>(tx.connection().await?, asked).await;
                Ok::<_, AppError>(())
            });
            ended.await.unwrap();
        }
        assert_eq!(db.rows().await, [1, 2, 3, 4]);
        db.assert_whole().await;
    }

    #[test(Setup::wired())]
    async fn a_reader_has_its_level_too(db: &TestDb<DB>) {
        for asked in LEVELS {
            let ended = on(&db.pool).isolation(asked).read(async |tx| {
                ids(&mut *tx).await?;
                assert_level::<DB>(tx.connection().await?, asked).await;
                Ok::<_, AppError>(())
            });
            ended.await.unwrap();
            if let Some(sent) = messages(db) {
                assert_eq!(sent[0], level::begin::<DB>(asked, " READ ONLY"));
            }
            db.assert_whole().await;
            let _ = messages(db);
        }
    }

    /// All that BEGIN can be told is one message.
    #[test(Setup::wired())]
    async fn limits_travel_with_it(db: &TestDb<DB>) {
        let limits = Limits::new()
            .timeout(Duration::from_secs(5))
            .statement_timeout(Duration::from_secs(1))
            .lock_timeout(Duration::from_secs(2));
        let block = on(&db.pool).isolation(Isolation::Serializable).limits(limits);
        let block = match db.engine() {
            Engine::Postgres => block.resolvable(),
            Engine::MySql | Engine::Sqlite => block,
        };
        block.run(async |tx| insert(tx, 1).await).await.unwrap();
        let Some(sent) = messages(db) else { return };
        let begin = match db.engine() {
            Engine::Postgres => {
                "BEGIN ISOLATION LEVEL SERIALIZABLE; SET LOCAL statement_timeout = 1000; \
                 SET LOCAL lock_timeout = 2000; \
                 LEAST idle_in_transaction_session_timeout 5250; \
                 SELECT pg_backend_pid()::text, pg_current_xact_id()::text, \
             (extract(epoch from pg_stat_get_bgwriter_stat_reset_time()) * 1000000)::bigint::text"
            }
            _ => {
                "SET @sqlx_transactional_lock_timeout = @@SESSION.innodb_lock_wait_timeout, \
                 SESSION innodb_lock_wait_timeout = 2; \
                 SET TRANSACTION ISOLATION LEVEL SERIALIZABLE; START TRANSACTION; \
                 SELECT CONNECTION_ID()"
            }
        };
        // From PostgreSQL 17 on there is one more.
        let sent = who(&sent[0]).replace(" LEAST transaction_timeout 5250;", "");
        assert_eq!(sent, begin);
        db.assert_whole().await;
    }

    /// A connection of the caller's gets it as a pool does.
    #[test]
    async fn on_the_callers_connection(db: &TestDb<DB>) {
        let mut connection = db.pool.acquire().await.unwrap();
        for (id, asked) in (1..).zip(LEVELS) {
            let ended = on(&mut connection).isolation(asked).run(async |tx| {
                insert(&mut *tx, id).await?;
                assert_level::<DB>(tx.connection().await?, asked).await;
                Ok::<_, AppError>(())
            });
            ended.await.unwrap();
        }
        drop(connection);
        assert_eq!(db.rows().await, [1, 2, 3, 4]);
        db.assert_whole().await;
    }

    #[test]
    async fn blocks_with_options_can_be_spawned(db: &TestDb<DB>) {
        let pool = db.pool.clone();
        let spawned = tokio::spawn(async move {
            let id = 1;
            let ended = on(&pool)
                .isolation(Isolation::Serializable)
                .retry(Retry::new())
                .commit_on(|ended: &Result<u32, AppError>| matches!(ended, Err(AppError::Refused(7))))
                .run(async |tx| {
                    tx.before_commit(|tx| Box::pin(async move { insert(tx, 2).await.map_err(Into::into) }));
                    insert(&mut *tx, id).await?;
                    if tx.attempt() == 9 { return Ok(1) }
                    Err(AppError::Refused(7))
                });
            ended.await
        });
        assert!(spawned.await.unwrap().unwrap_err().is_refused(7));
        assert_eq!(db.rows().await, [1, 2]);
    }
}
