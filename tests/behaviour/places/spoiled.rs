//! A session that would not keep what is written next goes to nobody.

use std::{future::pending, time::Duration};

use sqlx_transactional::{Tx, testing::TestTransaction, transaction};
use sqlx_transactional_tests::{
    Backend, Engine, Setup, TestDb, for_each_engine, for_engines, inspect,
};

use tokio::time::timeout;

use crate::{
    app::AppError,
    sql::{insert, run},
};

const SHORT: Duration = Duration::from_millis(200);

for_engines! {
    [mysql]

    const SETTINGS: [&str; 3] = [
        "set autocommit = 0",
        "set completion_type = 'chain'",
        "set session completion_type = 2",
    ];

    async fn session(connection: &mut sqlx::MySqlConnection) -> i64 {
        DB::numbers(connection, "select cast(connection_id() as signed)").await.unwrap()[0]
    }

    /// What the next user of the pool writes is there.
    async fn assert_usable(db: &TestDb<DB>, before: i64, behind: &str) {
        inspect::settle(&db.pool).await;
        let mut connection = db.pool.acquire().await.unwrap();
        assert_ne!(session(&mut connection).await, before, "{behind}");
        insert(&mut *connection, 99).await.unwrap();
        assert!(db.rows().await.contains(&99), "{behind}");
        run(&db.observer, "delete from notes where id = 99").await.unwrap();
        drop(connection);
        db.assert_whole().await;
    }

    async fn set(tx: &mut Tx<'_, DB>, id: i64, setting: &str) -> Result<(), AppError> {
        insert(&mut *tx, id).await?;
        run(tx.connection().await?, setting).await?;
        Ok(())
    }

    #[test(Setup::default().connections(1))]
    async fn on_a_pool(db: &TestDb<DB>) {
        for (id, setting) in (1..).zip(SETTINGS) {
            let before = session(&mut db.pool.acquire().await.unwrap()).await;
            let kept = transaction(&db.pool, async |tx| set(tx, id, setting).await);
            kept.await.unwrap();
            assert!(db.rows().await.contains(&id), "{setting}");
            assert_usable(db, before, setting).await;

            let before = session(&mut db.pool.acquire().await.unwrap()).await;
            let ended = transaction(&db.pool, async |tx| {
                set(tx, 50, setting).await?;
                Err::<(), _>(AppError::Refused(1))
            });
            ended.await.unwrap_err();
            assert!(!db.rows().await.contains(&50), "{setting}");
            assert_usable(db, before, setting).await;

            let before = session(&mut db.pool.acquire().await.unwrap()).await;
            let kept = transaction(&db.pool, async |tx| {
                let part = transaction(&mut *tx, async |tx| set(tx, id + 10, setting).await);
                part.await?;
                insert(tx, id + 20).await.map_err(AppError::from)
            });
            kept.await.unwrap();
            assert!(db.rows().await.ends_with(&[id + 20]), "{setting}");
            assert_usable(db, before, setting).await;

            let before = session(&mut db.pool.acquire().await.unwrap()).await;
            let mut test = TestTransaction::new(&db.pool);
            let call = transaction(&mut test, async |tx| set(tx, 60, setting).await);
            call.await.unwrap();
            test.roll_back().await.unwrap();
            assert_usable(db, before, setting).await;
        }
    }

    /// Its owner goes on with it; the pool does not.
    #[test(Setup::default().connections(1))]
    async fn on_a_pooled_connection(db: &TestDb<DB>) {
        for (id, setting) in (1..).zip(SETTINGS) {
            let mut lent = db.pool.acquire().await.unwrap();
            let before = session(&mut lent).await;
            let kept = transaction(&mut lent, async |tx| set(tx, id, setting).await);
            kept.await.unwrap();
            drop(lent);
            assert!(db.rows().await.contains(&id), "{setting}");
            assert_usable(db, before, setting).await;
        }
    }

    /// A procedure may do it as well.
    #[test(Setup::default().connections(1))]
    async fn out_of_sight(db: &TestDb<DB>) {
        run(&db.observer, "create procedure spoil() set session completion_type = 1").await.unwrap();
        let before = session(&mut db.pool.acquire().await.unwrap()).await;
        let kept = transaction(&db.pool, async |tx| {
            insert(&mut *tx, 1).await?;
            run(tx, "call spoil()").await
        });
        kept.await.unwrap();
        assert_usable(db, before, "call").await;
        assert_eq!(db.rows().await, [1]);
    }

    /// Also where nobody waits for the end.
    #[test(Setup::default().connections(1))]
    async fn behind_a_body_that_was_dropped(db: &TestDb<DB>) {
        run(&db.observer, "create procedure spoil() set autocommit = 0").await.unwrap();
        let texts = [
            "call spoil()",
            "execute immediate 'set completion_type = 1'",
            "execute immediate 'commit and chain'; call spoil()",
            "lock tables notes write",
            "flush tables notes with read lock",
        ];
        for text in texts {
            for (lends, refused) in [(false, false), (false, true), (true, false), (true, true)] {
                let mut lent = lends.then_some(db.pool.acquire().await.unwrap());
                let body = async |tx: &mut Tx<'_, DB>| {
                    run(&mut *tx, text).await?;
                    if refused {
                        run(&mut *tx, "select 1").await?;
                    }
                    pending::<Result<(), sqlx::Error>>().await
                };
                let ended = match &mut lent {
                    Some(lent) => timeout(SHORT, transaction(lent, body)).await,
                    None => timeout(SHORT, transaction(&db.pool, body)).await,
                };
                let _ = ended;
                drop(lent);
                inspect::settle(&db.pool).await;
                let next = timeout(SHORT * 20, insert(&db.pool, 99)).await;
                next.expect("nothing is locked").expect(text);
                assert!(db.rows().await.contains(&99), "{text}");
                run(&db.observer, "delete from notes").await.unwrap();
                db.assert_whole().await;
            }
        }
    }

    /// The usual session goes back to the pool.
    #[test(Setup::default().connections(1))]
    async fn and_only_that(db: &TestDb<DB>) {
        let before = session(&mut db.pool.acquire().await.unwrap()).await;
        for (id, setting) in (1..).zip(["set @a = 1", "set autocommit = 1", "set sql_mode = ''"]) {
            let kept = transaction(&db.pool, async |tx| {
                run(tx.connection().await?, setting).await?;
                insert(tx, id).await
            });
            // Setting it to what it is does not end the transaction.
            kept.await.unwrap();
            inspect::settle(&db.pool).await;
            let after = session(&mut db.pool.acquire().await.unwrap()).await;
            assert_eq!(after, before, "{setting}");
        }
    }
}

mod left_alone {
    use super::*;

    for_each_engine! {
        /// What else was set there is the body's, as with sqlx alone.
        #[test(Setup::default().connections(1))]
        async fn setting_of_the_body_stays(db: &TestDb<DB>) {
            let (set, is_set) = match db.engine() {
                Engine::Postgres => (
                    "select pg_advisory_lock(1)",
                    "select count(*) from pg_locks \
                     where locktype = 'advisory' and pid = pg_backend_pid()",
                ),
                Engine::MySql => (
                    "do get_lock(concat(database(), '_mine'), 0)",
                    "select cast(is_used_lock(concat(database(), '_mine')) is not null as signed)",
                ),
                Engine::Sqlite => ("pragma query_only = 1", "select query_only from pragma_query_only"),
            };
            let kept = transaction(&db.pool, async |tx| {
                insert(&mut *tx, 1).await?;
                run(tx.connection().await?, set).await
            });
            kept.await.unwrap();
            assert_eq!(db.rows().await, [1]);
            inspect::settle(&db.pool).await;
            let mut connection = db.pool.acquire().await.unwrap();
            assert_eq!(DB::numbers(&mut connection, is_set).await.unwrap(), [1]);
        }
    }
}
