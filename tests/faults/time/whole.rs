//! `timeout`: the whole call.

use super::{SHORT, is_timed_out, setup};
use crate::ledger::Run;
use crate::notes::Notes;
use crate::pools::recommended;
use sqlx::{Database, Error, Pool};
use sqlx_transactional::{Limits, ReadTx, Source, Tx, on, transactional};
use sqlx_transactional_tests::{Backend, Engine, Setup, TestDb, for_each_engine, inspect};
use std::future::pending;
use std::time::{Duration, Instant};

#[transactional(timeout = "300ms")]
async fn waits<DB: Notes>(tx: &mut Tx<'_, DB>, run: &Run) -> Result<(), Error> {
    tx.after_commit(run.on_commit());
    tx.after_rollback(run.on_rollback());
    DB::insert(tx, run.id(1)).await?;
    pending().await
}

/// Returns `Ok` when its time is over, without having waited for anything.
#[transactional(timeout = "300ms")]
async fn is_slow<DB: Notes>(tx: &mut Tx<'_, DB>, run: &Run) -> Result<(), Error> {
    tx.after_commit(run.on_commit());
    tx.after_rollback(run.on_rollback());
    DB::insert(tx, run.id(1)).await?;
    std::thread::sleep(SHORT * 2);
    Ok(())
}

#[transactional(timeout = "300ms")]
async fn reads<DB: Notes>(tx: &mut ReadTx<'_, DB>, run: &Run) -> Result<(), Error> {
    tx.after_commit(run.on_commit());
    tx.after_rollback(run.on_rollback());
    DB::count(tx).await?;
    pending().await
}

#[transactional(timeout = "300ms")]
async fn waits_without_a_statement<DB: Notes>(tx: &mut Tx<'_, DB>) -> Result<(), Error> {
    let _ = tx;
    pending().await
}

/// A place with limits of its own.
#[derive(Debug)]
struct Limited<'a, DB: Database>(&'a Pool<DB>);

impl<DB: Notes> Source<DB> for Limited<'_, DB> {
    fn pool(&self) -> &Pool<DB> {
        self.0
    }

    fn limits(&self) -> Limits {
        Limits::new().timeout(SHORT)
    }
}

#[transactional]
async fn waits_as_long_as_it_may<DB: Notes>(tx: &mut Tx<'_, DB>, run: &Run) -> Result<(), Error> {
    tx.after_rollback(run.on_rollback());
    DB::insert(tx, run.id(1)).await?;
    pending().await
}

#[transactional(timeout = "1h")]
async fn knows_better<DB: Notes>(tx: &mut Tx<'_, DB>, run: &Run) -> Result<(), Error> {
    DB::insert(tx, run.id(1)).await?;
    tokio::time::sleep(SHORT * 2).await;
    Ok(())
}

/// Timed out, with nothing left anywhere.
async fn assert_timed_out<DB: Notes>(
    db: &TestDb<DB>,
    pool: &Pool<DB>,
    run: &Run,
    ended: Result<(), Error>,
) {
    let error = ended.unwrap_err();
    assert!(is_timed_out(&error), "{error:?}");
    let code = error
        .as_database_error()
        .and_then(sqlx::error::DatabaseError::code);
    assert_eq!(code.as_deref(), Some("57014"));
    inspect::assert_whole(db, pool).await;
    assert!(run.stored(db).await.is_empty());
    if run.has_hooks() {
        assert_eq!(run.wait_for_hooks(1).await, (0, 1));
    }
}

for_each_engine! {
    /// What was committed on the connection stays.
    #[test(setup())]
    async fn one_that_committed_out_of_sight_is_not_told_that_all_is_undone(db: &TestDb<DB>) {
        for (id, is_known) in [(1, false), (2, true)] {
            let run = Run::new(1);
            let limits = Limits::new().timeout(SHORT);
            let ended = on(&db.pool).limits(limits).run(async |tx| {
                tx.after_rollback(run.on_rollback());
                DB::insert(&mut *tx, id).await?;
                DB::execute(tx.connection().await?, "commit").await.unwrap();
                if is_known {
                    DB::insert(&mut *tx, 9).await.unwrap_err();
                }
                pending::<Result<(), Error>>().await
            });
            let error = ended.await.unwrap_err();
            assert!(db.rows().await.contains(&id));
            assert_eq!(is_timed_out(&error), !is_known, "{error}");
            let (code, words) = if is_known {
                ("25P01", "something else ended the transaction")
            } else {
                ("57014", "out of sight")
            };
            let database = error.as_database_error().unwrap();
            assert_eq!(database.code().as_deref(), Some(code));
            assert!(error.to_string().contains(words), "{error}");
            db.assert_whole().await;
            assert_eq!(run.ran(), (0, 0));
        }
    }

    #[test(setup())]
    async fn a_call_that_waits_is_ended(db: &TestDb<DB>) {
        let pool = db.pool_with(recommended(db.url(), 1)).await;
        let run = Run::new(1);
        assert_timed_out(db, &pool, &run, waits(&pool, &run).await).await;
        let run = Run::new(2);
        assert_timed_out(db, &pool, &run, reads(&pool, &run).await).await;
        let run = Run::new(3);
        assert_timed_out(db, &pool, &run, waits_without_a_statement(&pool).await).await;
    }

    /// A body that blocks its thread is found out when it returns.
    #[test(setup())]
    async fn can_12_an_ok_that_comes_too_late_is_none(db: &TestDb<DB>) {
        let run = Run::new(1);
        let ended = is_slow(&db.pool, &run).await;
        assert_timed_out(db, &db.pool, &run, ended).await;
    }

    #[test(setup())]
    async fn a_block_has_it_too(db: &TestDb<DB>) {
        let run = Run::new(1);
        let block = on(&db.pool).limits(Limits::new().timeout(SHORT));
        let ended = block.run(async |tx| {
            DB::insert(tx, run.id(1)).await?;
            pending().await
        });
        assert_timed_out(db, &db.pool, &run, ended.await).await;
    }

    #[test(setup())]
    async fn api_03_a_place_says_it_for_whoever_says_nothing(db: &TestDb<DB>) {
        let run = Run::new(1);
        let ended = waits_as_long_as_it_may(&Limited(&db.pool), &run).await;
        assert_timed_out(db, &db.pool, &run, ended).await;
        let run = Run::new(2);
        knows_better(&Limited(&db.pool), &run).await.unwrap();
        assert_eq!(run.stored(db).await, [1]);
        db.assert_whole().await;
    }

    /// Who names no limit has one all the same. Long, because nothing shorter
    /// would show that it is a minute; on one engine, because nothing in it is an
    /// engine's.
    #[test(Setup::default().limit(Duration::from_mins(3)))]
    async fn the_default_is_a_minute(db: &TestDb<DB>) {
        if db.engine() != Engine::Sqlite {
            return;
        }
        let run = Run::new(1);
        let (began, minute) = (Instant::now(), Duration::from_mins(1));
        let ended = waits_as_long_as_it_may(&db.pool, &run).await;
        assert!(began.elapsed() >= minute, "{:?}", began.elapsed());
        assert!(began.elapsed() < minute * 2, "{:?}", began.elapsed());
        assert_timed_out(db, &db.pool, &run, ended).await;
    }

    /// It does not begin anew with each statement.
    #[test(setup())]
    async fn can_14_a_statement_has_what_is_left(db: &TestDb<DB>) {
        let run = Run::new(1);
        let limit = Duration::from_secs(3);
        let block = on(&db.pool).limits(Limits::new().timeout(limit));
        let began = Instant::now();
        let ended = block.run(async |tx| {
            DB::insert(&mut *tx, run.id(1)).await?;
            tokio::time::sleep(limit * 3 / 4).await;
            DB::linger(tx, 20).await
        });
        let ended = ended.await;
        assert!(began.elapsed() >= limit, "{:?}", began.elapsed());
        assert!(began.elapsed() < limit * 7 / 4, "{:?}", began.elapsed());
        assert_timed_out(db, &db.pool, &run, ended).await;
    }

    /// The statement that runs is not waited for, and does not run on.
    #[test(setup())]
    async fn a_statement_that_runs_is_ended_with_it(db: &TestDb<DB>) {
        let run = Run::new(1);
        let block = on(&db.pool).limits(Limits::new().timeout(SHORT));
        let began = Instant::now();
        let ended = block.run(async |tx| {
            DB::insert(&mut *tx, run.id(1)).await?;
            DB::linger(tx, 20).await
        });
        let ended = ended.await;
        // Far from the twenty seconds, however slow the machine is.
        assert!(began.elapsed().as_secs() < 10, "{:?}", began.elapsed());
        assert_timed_out(db, &db.pool, &run, ended).await;
    }
}
