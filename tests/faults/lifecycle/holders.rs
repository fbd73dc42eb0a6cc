//! Who holds the connection that a second transaction would wait for: never a
//! function that joins, nor a savepoint, but the body around them.

use crate::notes::Notes;
use sqlx::{Error, Pool, pool::PoolOptions};
use sqlx_transactional::{Tx, testing::TestTransaction, transaction, transactional};
use sqlx_transactional_tests::{Setup, TestDb, for_each_engine, for_engines};

#[transactional]
async fn stores<DB: Notes>(tx: &mut Tx<'_, DB>, id: i64) -> Result<(), Error> {
    DB::insert(tx, id).await
}

/// Stores a note, unless its id is 0, and then another in a second transaction.
#[transactional]
async fn stores_twice<DB: Notes>(
    tx: &mut Tx<'_, DB>,
    pool: Pool<DB>,
    id: i64,
) -> Result<(), Error> {
    if id > 0 {
        DB::insert(tx, id).await?;
    }
    stores(&pool, 90).await
}

/// The same, the second one as the last thing before COMMIT.
#[transactional]
async fn votes<DB: Notes>(tx: &mut Tx<'_, DB>, pool: Pool<DB>, id: i64) -> Result<(), Error> {
    if id > 0 {
        DB::insert(tx, id).await?;
    }
    tx.before_commit(move |tx| {
        Box::pin(async move {
            DB::insert(tx, 80).await?;
            Ok(stores(&pool, 90).await?)
        })
    });
    Ok(())
}

/// Every way to hold a connection of `pool` and to begin on it again, with what
/// came of it.
async fn seconds<DB: Notes>(pool: &Pool<DB>, other: &Pool<DB>) -> Vec<(&'static str, Error)> {
    let mut ended = Vec::new();
    let mut note = |what, end: Result<(), Error>| match end {
        Ok(()) => panic!("{what}: it has begun"),
        Err(error) => ended.push((what, error)),
    };
    let joined = transaction(pool, async |tx| {
        stores(&mut *tx, 1).await?;
        stores(pool, 90).await
    });
    note("a function that joined sent the first", joined.await);
    let begun_inside = transaction(pool, async |tx| stores_twice(tx, pool.clone(), 1).await);
    note("a function that joined begins", begun_inside.await);
    let savepoint = transaction(pool, async |tx| {
        tx.savepoint(async |tx| DB::insert(tx, 1).await).await?;
        stores(pool, 90).await
    });
    note("a savepoint sent the first", savepoint.await);
    let in_savepoint = transaction(pool, async |tx| {
        tx.savepoint(async |tx| {
            DB::insert(tx, 1).await?;
            stores(pool, 90).await
        })
        .await
    });
    note("a savepoint begins", in_savepoint.await);
    note(
        "a hook before COMMIT begins",
        votes(pool, pool.clone(), 1).await,
    );
    note(
        "that hook sent the first",
        votes(pool, pool.clone(), 0).await,
    );
    let elsewhere = transaction(pool, async |tx| {
        let inner = transaction(other, async |inner| {
            DB::insert(&mut *tx, 1).await?;
            DB::insert(inner, 2).await
        });
        inner.await?;
        stores(pool, 90).await
    });
    note(
        "the first was sent from a transaction elsewhere",
        elsewhere.await,
    );
    let mut test = TestTransaction::new(pool);
    note(
        "a call in a test",
        stores_twice(&mut test, pool.clone(), 1).await,
    );
    stores(&mut test, 1).await.unwrap();
    note(
        "a call in a test that has begun",
        stores_twice(&mut test, pool.clone(), 0).await,
    );
    note(
        "a hook before the end of such a call",
        votes(&mut test, pool.clone(), 2).await,
    );
    test.roll_back().await.unwrap();
    ended
}

for_each_engine! {
    #[test]
    async fn whoever_sent_the_first_statement_it_fails_at_once(db: &TestDb<DB>) {
        let other: TestDb<DB> = TestDb::start(Setup::default()).await;
        for (what, error) in seconds(&db.pool, &other.pool).await {
            let found = sqlx_transactional::Error::find(&error);
            let is_exhausted = found.is_some_and(sqlx_transactional::Error::is_pool_exhausted);
            assert!(is_exhausted, "{what}: {error:?}");
        }
        assert_eq!(db.rows().await, [0; 0]);
        other.finish().await.unwrap();
        db.assert_whole().await;
    }

    #[test]
    async fn whoever_sent_the_first_statement_tests_can_forbid_it(db: &TestDb<DB>) {
        let other: TestDb<DB> = TestDb::start(Setup::default()).await;
        let pool = db.pool_with(PoolOptions::new().max_connections(3)).await;
        sqlx_transactional::testing::forbid_second_transaction(&pool);
        for (what, error) in seconds(&pool, &other.pool).await {
            let found = sqlx_transactional::Error::find(&error);
            let is_second = found.is_some_and(sqlx_transactional::Error::is_second_transaction);
            assert!(is_second, "{what}: {error:?}");
        }
        pool.close().await;
        assert_eq!(db.rows().await, [0; 0]);
        other.finish().await.unwrap();
    }

    /// What another transaction's body held inside this one is not this one's.
    #[test]
    async fn a_body_does_not_hold_what_was_taken_for_another(db: &TestDb<DB>) {
        let other: TestDb<DB> = TestDb::start(Setup::default()).await;
        let ended = transaction(&other.pool, async |outer| {
            let inner = transaction(&db.pool, async |_: &mut Tx<'_, DB>| {
                // Nothing of the inner one's pool is held by anyone yet.
                DB::insert(&mut *outer, 1).await?;
                stores(&db.pool, 2).await
            });
            inner.await?;
            stores(&db.pool, 3).await
        });
        ended.await.unwrap();
        assert_eq!(db.rows().await, [2, 3]);
        other.finish().await.unwrap();
        db.assert_whole().await;
    }

    /// A body that holds nothing, inside one that does not either.
    #[test]
    async fn a_call_in_a_test_holds_nothing_before_the_first_statement(db: &TestDb<DB>) {
        let mut test = TestTransaction::new(&db.pool);
        stores_twice(&mut test, db.pool.clone(), 0).await.unwrap();
        test.roll_back().await.unwrap();
        assert_eq!(db.rows().await, [90]);
        db.assert_whole().await;
    }
}

mod a_begin_that_failed {
    use super::*;
    use sqlx_transactional_tests::{Action, Point};
    use std::time::Duration;

    for_engines! {
        [postgres, mysql]

        #[test(Setup::wired())]
        async fn or_was_dropped_holds_nothing(db: &TestDb<DB>) {
            let wire = db.wire();
            let ended = transaction(&db.pool, async |tx| {
                wire.arm(Point::reply_to(DB::BEGIN), Action::Hold);
                tokio::select! {
                    biased;
                    _ = DB::insert(&mut *tx, 1) => panic!("it is held"),
                    () = wire.wait_until_held() => {}
                }
                wire.release();
                stores(&db.pool, 2).await.expect("the connection comes back");
                Ok::<_, Error>(())
            });
            assert!(ended.await.is_err(), "it was interrupted");
            assert_eq!(db.rows().await, [2]);
            db.assert_whole().await;
        }
    }

    mod on_sqlite {
        use super::*;
        use sqlx::sqlite::SqlitePoolOptions;

        for_engines! {
            [sqlite]

            #[test]
            async fn holds_nothing(db: &TestDb<DB>) {
                let impatient = db.options().busy_timeout(Duration::from_millis(50));
                let options = SqlitePoolOptions::new().max_connections(1);
                let pool = options.connect_with(impatient).await.unwrap();
                let writer = db.observer.begin_with("begin immediate").await.unwrap();
                let ended = transaction(&pool, async |tx| {
                    DB::insert(&mut *tx, 1).await.unwrap_err();
                    writer.rollback().await?;
                    stores(&pool, 2).await.expect("there is a connection");
                    Err::<(), _>(Error::RowNotFound)
                });
                ended.await.unwrap_err();
                assert_eq!(db.rows().await, [2]);
                pool.close().await;
            }
        }
    }
}
