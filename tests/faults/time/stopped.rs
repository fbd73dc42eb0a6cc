//! SQLite has no session to be ended, so that its statements are stopped here.

use super::{SHORT, blocker, is_timed_out, setup};
use crate::ledger::PATIENCE;
use crate::notes::Notes;
use sqlx::{Connection, Error, Sqlite, SqliteConnection};
use sqlx_transactional::{Limits, Tx, on, testing::TestTransaction, transaction, transactional};
use sqlx_transactional_tests::{TestDb, for_engines};
use std::time::Instant;
use tokio::time::timeout;

/// Half a minute's work.
#[transactional(savepoint, timeout = "300ms")]
async fn nested<DB: Notes>(tx: &mut Tx<'_, DB>) -> Result<(), Error> {
    DB::linger(tx, 100).await
}

#[transactional(timeout = "300ms")]
async fn joined<DB: Notes>(tx: &mut Tx<'_, DB>) -> Result<(), Error> {
    DB::linger(tx, 100).await
}

#[transactional(statement_timeout = "300ms")]
async fn lingers<DB: Notes>(tx: &mut Tx<'_, DB>) -> Result<(), Error> {
    DB::insert(&mut *tx, 9).await?;
    DB::linger(tx, 100).await
}

/// Stores rows without end.
const FOR_LONG: &str = "with recursive n (i) as (select 10 union all select i + 1 from n) \
                        insert into notes select i, 'long' from n";

#[transactional(timeout = "300ms")]
async fn writes_for_long<DB: Notes>(tx: &mut Tx<'_, DB>) -> Result<(), Error> {
    DB::run(tx, FOR_LONG).await
}

/// Lets its statement go, and ends long before its time is over.
#[transactional(timeout = "1m")]
async fn gives_up<DB: Notes>(tx: &mut Tx<'_, DB>) -> Result<(), Error> {
    let _ = timeout(SHORT, DB::run(tx, FOR_LONG)).await;
    Err(Error::RowNotFound)
}

/// The same, and what it lets go was not seen.
#[transactional(timeout = "1m")]
async fn gives_up_out_of_sight(tx: &mut Tx<'_, Sqlite>) -> Result<(), Error> {
    let endless = sqlx::raw_sql(FOR_LONG).execute(tx.connection().await?);
    let _ = timeout(SHORT, endless).await;
    Err(Error::RowNotFound)
}

/// What it runs is not seen.
#[transactional(timeout = "300ms")]
async fn lingers_out_of_sight(tx: &mut Tx<'_, Sqlite>) -> Result<(), Error> {
    let endless = sqlx::raw_sql(FOR_LONG).execute(tx.connection().await?);
    endless.await.map(drop)
}

#[transactional(savepoint, timeout = "300ms")]
async fn is_a_part_out_of_sight(tx: &mut Tx<'_, Sqlite>) -> Result<(), Error> {
    let endless = "with recursive n (i) as (select 1 union all select i + 1 from n) \
                   select max(i) from n";
    let endless = sqlx::raw_sql(endless).execute(tx.connection().await?);
    endless.await.map(drop)
}

/// Somebody else can write.
async fn assert_free<DB: Notes>(db: &TestDb<DB>) {
    let other = transaction(&db.observer, async |tx| DB::insert(tx, 2).await);
    let other = timeout(PATIENCE, other).await.expect("the lock is free");
    other.unwrap();
    DB::run_on(db, "delete from notes").await;
}

/// A part in a transaction of its own, which goes on behind it.
async fn outlives_its_part<DB: Notes>(tx: &mut Tx<'_, DB>, id: i64) -> Result<(), Error> {
    DB::insert(&mut *tx, id).await?;
    assert!(is_timed_out(&nested(&mut *tx).await.unwrap_err()));
    // The next one waits for what is left of it.
    let next = DB::insert(&mut *tx, id + 1);
    timeout(PATIENCE, next).await.expect("it is stopped")?;
    // And runs to its end, however long it takes.
    DB::linger(tx, 1).await
}

/// What the owner of a connection does, which takes a second.
async fn owner_goes_on(connection: &mut SqliteConnection) -> Result<(), Error> {
    let long = "with recursive n (i) as (select 1 union all select i + 1 from n where i < 1000000) \
                select max(i) from n";
    sqlx::query(long).execute(connection).await.map(drop)
}

for_engines! {
    [sqlite]

    #[test(setup())]
    async fn the_statement_of_a_part_is(db: &TestDb<DB>) {
        let ended = transaction(&db.pool, async |tx| outlives_its_part(tx, 1).await);
        ended.await.unwrap();
        assert_eq!(db.rows().await, [1, 2]);
        let ended = transaction(&db.pool, async |tx| joined(tx).await);
        let ended = timeout(PATIENCE, ended).await.expect("it is stopped");
        assert!(is_timed_out(&ended.unwrap_err()));
        transaction(&db.pool, async |tx| DB::linger(tx, 1).await).await.unwrap();
        db.assert_whole().await;
    }

    #[test(setup())]
    async fn that_of_a_call_in_a_test_is(db: &TestDb<DB>) {
        let mut test = TestTransaction::new(&db.pool);
        for id in 1..3 {
            let limited = timeout(PATIENCE, lingers(&mut test)).await;
            assert!(is_timed_out(&limited.expect("it is stopped").unwrap_err()));
            assert!(is_timed_out(&nested(&mut test).await.unwrap_err()));
            let next = transaction(&mut test, async |tx| DB::insert(tx, id).await);
            timeout(PATIENCE, next).await.expect("it is stopped").unwrap();
        }
        test.roll_back().await.unwrap();
        db.assert_whole().await;
    }

    /// As on a pool, and what its owner does next is not.
    #[test(setup())]
    async fn that_on_a_connection_of_the_callers_is(db: &TestDb<DB>) {
        let mut lent = db.pool.acquire().await.unwrap();
        for id in 1..3 {
            let limited = timeout(PATIENCE, lingers(&mut lent)).await;
            assert!(is_timed_out(&limited.expect("it is stopped").unwrap_err()));
            for late in [writes_for_long(&mut lent).await, joined(&mut lent).await] {
                assert!(is_timed_out(&late.unwrap_err()));
                timeout(PATIENCE, lent.ping()).await.expect("it is stopped").unwrap();
                owner_goes_on(&mut lent).await.unwrap();
            }
            let ended = transaction(&mut lent, async |tx| outlives_its_part(tx, id * 2).await);
            ended.await.unwrap();
        }
        drop(lent);
        assert_eq!(db.rows().await, [2, 3, 4, 5]);
        db.assert_whole().await;
    }

    /// Nobody waits for it then, and its lock is in the way of others.
    #[test(setup())]
    async fn that_of_a_call_that_is_dropped_is(db: &TestDb<DB>) {
        let mut lent = db.pool.acquire().await.unwrap();
        let limits = Limits::new().timeout(PATIENCE);
        for _ in 0..2 {
            let call = on(&mut lent).limits(limits).run(async |tx| {
                DB::insert(&mut *tx, 1).await?;
                DB::linger(tx, 100).await
            });
            assert!(timeout(SHORT, call).await.is_err());
            assert_free(db).await;
            owner_goes_on(&mut lent).await.unwrap();
        }
    }

    #[test(setup())]
    async fn that_which_the_body_let_go_is(db: &TestDb<DB>) {
        for is_seen in [true, false] {
            let call = async {
                if is_seen {
                    gives_up(&db.pool).await
                } else {
                    gives_up_out_of_sight(&db.pool).await
                }
            };
            let ended = timeout(PATIENCE, call).await.expect("it is stopped");
            assert!(matches!(ended, Err(Error::RowNotFound)), "{ended:?}");
            assert_free(db).await;
            db.assert_whole().await;
            let mut lent = db.pool.acquire().await.unwrap();
            let call = async {
                if is_seen {
                    gives_up(&mut lent).await
                } else {
                    gives_up_out_of_sight(&mut lent).await
                }
            };
            let ended = timeout(PATIENCE, call).await.expect("it is stopped");
            assert!(matches!(ended, Err(Error::RowNotFound)), "{ended:?}");
            assert_free(db).await;
            owner_goes_on(&mut lent).await.unwrap();
        }
    }

    #[test(setup())]
    async fn that_on_the_connection_is(db: &TestDb<DB>) {
        assert!(is_timed_out(&lingers_out_of_sight(&db.pool).await.unwrap_err()));
        assert_free(db).await;
        let mut lent = db.pool.acquire().await.unwrap();
        assert!(is_timed_out(&lingers_out_of_sight(&mut lent).await.unwrap_err()));
        assert_free(db).await;
        owner_goes_on(&mut lent).await.unwrap();
        drop(lent);
        let ended = transaction(&db.pool, async |tx| {
            DB::insert(&mut *tx, 1).await?;
            assert!(is_timed_out(&is_a_part_out_of_sight(&mut *tx).await.unwrap_err()));
            let next = DB::insert(&mut *tx, 2);
            timeout(PATIENCE, next).await.expect("it is stopped")?;
            DB::linger(tx, 1).await
        });
        ended.await.unwrap();
        assert_eq!(db.rows().await, [1, 2]);
        db.assert_whole().await;
    }

    /// It is not asked whether to go on while it waits, and nobody waits with it.
    #[test(setup())]
    async fn that_which_waits_for_a_lock_is_when_it_has_it(db: &TestDb<DB>) {
        let mut lent = db.pool.acquire().await.unwrap();
        let other = blocker(db).await;
        let began = Instant::now();
        let late = on(&mut lent).limits(Limits::new().timeout(SHORT)).deferred();
        let late = late.run(async |tx| DB::run(tx, FOR_LONG).await).await;
        assert!(is_timed_out(&late.unwrap_err()));
        assert!(began.elapsed() < SHORT * 3, "{:?}", began.elapsed());
        other.rollback().await.unwrap();
        timeout(PATIENCE, lent.ping()).await.expect("it is stopped").unwrap();
        assert_free(db).await;
        owner_goes_on(&mut lent).await.unwrap();
    }

    /// It would end the owner's transaction with it, where it writes.
    #[test(setup())]
    async fn that_inside_a_transaction_of_the_owners_is_not(db: &TestDb<DB>) {
        let mut lent = db.pool.acquire().await.unwrap();
        let mut owner = lent.begin().await.unwrap();
        DB::insert_on(&mut owner, 1).await.unwrap();
        let late = on(&mut owner).limits(Limits::new().timeout(SHORT)).run(async |tx| {
            let rows = "with recursive n (i) as (select 1 union all select i + 1 from n \
                        where i < 2000000) insert into notes select 2, max(i) from n";
            DB::run(tx, rows).await
        });
        assert!(is_timed_out(&late.await.unwrap_err()));
        DB::insert_on(&mut owner, 3).await.unwrap();
        owner.commit().await.unwrap();
        assert_eq!(db.rows().await, [1, 3]);
    }
}
