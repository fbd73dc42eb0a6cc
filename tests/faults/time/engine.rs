//! The limits of statements, locks and pauses.

use super::{SHORT, blocker, is_timed_out, setup};
use crate::notes::Notes;
use sqlx::Error;
use sqlx_transactional::{Limits, Tx, keys, on, transaction, transactional};
use sqlx_transactional_tests::{Engine, TestDb, for_each_engine, for_engines};
use std::future::pending;

#[transactional(statement_timeout = "300ms")]
async fn lingers<DB: Notes>(tx: &mut Tx<'_, DB>, seconds: u32) -> Result<(), Error> {
    DB::insert(&mut *tx, 1).await?;
    DB::linger(tx, seconds).await
}

/// Whole seconds are the least that MySQL waits.
#[transactional(lock_timeout = "1s")]
async fn waits_for_a_lock<DB: Notes>(tx: &mut Tx<'_, DB>) -> Result<(), Error> {
    DB::insert(&mut *tx, 2).await?;
    DB::insert(tx, 1).await
}

fn code(error: &Error) -> String {
    let code = error
        .as_database_error()
        .and_then(sqlx::error::DatabaseError::code);
    code.unwrap_or_default().into_owned()
}

for_each_engine! {
    #[test(setup())]
    async fn a_statement_that_takes_too_long_fails(db: &TestDb<DB>) {
        let began = std::time::Instant::now();
        let error = lingers(&db.pool, 20).await.unwrap_err();
        assert!(began.elapsed().as_secs() < 10, "{:?}", began.elapsed());
        assert_eq!(code(&error), "57014", "{error:?}");
        assert_eq!(is_timed_out(&error), db.engine() != Engine::Postgres, "{error:?}");
        db.assert_whole().await;
        assert_eq!(db.rows().await, [0; 0]);
        // The limit went with its transaction.
        transaction(&db.pool, async |tx| DB::linger(tx, 1).await).await.unwrap();
        db.assert_whole().await;
    }

    /// Which waits for whoever is writing the same.
    #[test(setup())]
    async fn the_statement_of_a_key_is_one_too(db: &TestDb<DB>) {
        DB::run_on(db, keys::table::<DB>()).await;
        let reached = tokio::sync::Notify::new();
        let first = on(&db.observer).key("a").run(async |_: &mut Tx<'_, DB>| {
            reached.notify_one();
            pending::<Result<(), Error>>().await
        });
        let mut first = Box::pin(first);
        tokio::select! {
            _ = &mut first => panic!("it does not end"),
            () = reached.notified() => {}
        }
        let mut second = on(&db.pool).key("a").limits(Limits::new().statement_timeout(SHORT));
        if db.engine() == Engine::Sqlite {
            // Otherwise BEGIN waits.
            second = second.deferred();
        }
        let second = second.run(async |tx| DB::insert(tx, 1).await);
        let error = second.await.unwrap_err();
        assert_eq!(code(&error), "57014", "{error:?}");
        drop(first);
        db.assert_whole().await;
        assert_eq!(db.rows().await, [0; 0]);
    }

    #[test(setup())]
    async fn a_wait_for_a_lock_that_takes_too_long_fails(db: &TestDb<DB>) {
        let blocker = blocker(db).await;
        let began = std::time::Instant::now();
        let error = waits_for_a_lock(&db.pool).await.unwrap_err();
        // The engines' own limits are 5 s, 50 s, and none.
        assert!(began.elapsed().as_millis() < 4_500, "{:?}", began.elapsed());
        match db.engine() {
            Engine::Postgres | Engine::Sqlite => assert_eq!(code(&error), "55P03", "{error:?}"),
            Engine::MySql => assert!(error.to_string().contains("1205"), "{error:?}"),
        }
        blocker.rollback().await.unwrap();
        db.assert_whole().await;
        assert_eq!(db.rows().await, [0; 0]);
        waits_for_a_lock(&db.pool).await.unwrap();
        assert_eq!(db.rows().await, [1, 2]);
        db.assert_whole().await;
    }
}

mod on_mysql {
    use super::*;

    for_engines! {
        [mysql]

        /// It is a setting of the session, and not of the transaction.
        #[test(setup())]
        async fn the_sessions_own_limit_is_set_back(db: &TestDb<DB>) {
            let own = "select cast(@@innodb_lock_wait_timeout as signed)";
            let before: i64 = sqlx::query_scalar(own).fetch_one(&db.pool).await.unwrap();
            let during = on(&db.pool).limits(Limits::new().lock_timeout(SHORT)).run(async |tx| {
                sqlx::query_scalar::<_, i64>(own).fetch_one(tx).await
            });
            assert_eq!(during.await.unwrap(), 1);
            let after: i64 = sqlx::query_scalar(own).fetch_one(&db.pool).await.unwrap();
            assert_eq!(before, after);
        }

        /// That takes a message more, and not a connection.
        #[test(setup())]
        async fn the_session_is_the_same_afterwards(db: &TestDb<DB>) {
            let number = "select cast(connection_id() as signed)";
            let before: i64 = sqlx::query_scalar(number).fetch_one(&db.pool).await.unwrap();
            let limits = Limits::new().lock_timeout(SHORT);
            let ended = on(&db.pool).limits(limits).run(async |tx| DB::insert(tx, 1).await);
            ended.await.unwrap();
            let after: i64 = sqlx::query_scalar(number).fetch_one(&db.pool).await.unwrap();
            assert_eq!(before, after);
        }

        #[test(setup())]
        async fn a_lent_connection_gets_its_own_limit_back(db: &TestDb<DB>) {
            let own = "select cast(@@innodb_lock_wait_timeout as signed)";
            let mut lent = db.pool.acquire().await.unwrap();
            let before: i64 = sqlx::query_scalar(own).fetch_one(&mut *lent).await.unwrap();
            let during = on(&mut lent).limits(Limits::new().lock_timeout(SHORT)).run(async |tx| {
                sqlx::query_scalar::<_, i64>(own).fetch_one(tx).await
            });
            assert_eq!(during.await.unwrap(), 1);
            let after: i64 = sqlx::query_scalar(own).fetch_one(&mut *lent).await.unwrap();
            assert_eq!(before, after);
        }
    }
}

mod on_servers {
    use super::*;

    for_engines! {
        [postgres, mysql]

        /// It is the server that waits for locks, and the pool has a limit of its own.
        #[test(setup())]
        async fn a_wait_for_a_connection_is_no_wait_for_a_lock(db: &TestDb<DB>) {
            let held = db.pool.acquire().await.unwrap();
            let limits = Limits::new().lock_timeout(SHORT);
            let call = on(&db.pool).limits(limits).run(async |tx| DB::insert(tx, 1).await);
            let free = async {
                tokio::time::sleep(SHORT * 2).await;
                drop(held);
            };
            let (ended, ()) = tokio::join!(call, free);
            ended.unwrap();
            assert_eq!(db.rows().await, [1]);
            db.assert_whole().await;
        }
    }
}

mod idle {
    use super::*;

    for_engines! {
        [postgres]

        #[transactional(idle_timeout = "300ms")]
        async fn pauses(tx: &mut Tx<'_, DB>) -> Result<(), Error> {
            DB::insert(&mut *tx, 1).await?;
            tokio::time::sleep(SHORT * 4).await;
            DB::insert(tx, 2).await
        }

        #[test(setup())]
        async fn a_pause_that_takes_too_long_ends_it(db: &TestDb<DB>) {
            let error = pauses(&db.pool).await.unwrap_err();
            assert!(matches!(code(&error).as_str(), "25P03" | ""), "{error:?}");
            db.assert_whole().await;
            assert_eq!(db.rows().await, [0; 0]);
        }
    }
}

mod no_idle {
    use super::*;

    for_engines! {
        [sqlite, mysql]

        /// Where the engine cannot, nothing begins.
        #[test(setup())]
        async fn a_limit_that_cannot_be_kept_is_refused(db: &TestDb<DB>) {
            let block = on(&db.pool).limits(Limits::new().idle_timeout(SHORT));
            let refused = block.run(async |_: &mut Tx<'_, DB>| -> Result<(), Error> {
                panic!("it is not called")
            });
            let error = refused.await.unwrap_err();
            let found = sqlx_transactional::Error::find(&error).unwrap();
            assert!(found.is_unsupported(), "{error:?}");
            db.assert_whole().await;
        }
    }
}
