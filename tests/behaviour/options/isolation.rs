//! The isolation that is asked for is given, or refused.

use sqlx_transactional::{Isolation, on};
use sqlx_transactional_tests::{Backend, Engine, Setup, TestDb, for_each_engine};

use crate::{app::AppError, sql::insert, wire_text::assert_sent};

for_each_engine! {
    #[test(Setup::wired())]
    async fn iso_01_it_travels_in_the_message_of_begin(db: &TestDb<DB>) {
        let ended = on(&db.pool).isolation(Isolation::Serializable).run(async |tx| insert(tx, 1).await);
        ended.await.unwrap();
        let begin = match DB::ENGINE {
            Engine::Postgres => "BEGIN ISOLATION LEVEL SERIALIZABLE; insert 1; COMMIT",
            Engine::MySql => "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE; BEGIN; insert 1; COMMIT",
            Engine::Sqlite => "BEGIN IMMEDIATE; insert 1; COMMIT",
        };
        assert_sent(db, begin);
    }

    #[test]
    async fn blocks_with_options_can_be_spawned(db: &TestDb<DB>) {
        let pool = db.pool.clone();
        let spawned = tokio::spawn(async move {
            let id = 1;
            let ended = on(&pool)
                .isolation(Isolation::Serializable)
                .retry(sqlx_transactional::Retry::new())
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
