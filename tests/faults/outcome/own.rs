//! `key`: a call whose COMMIT was not answered finds out by itself what became
//! of it, before it tells anybody.

use super::keyed::is_already_done;
use crate::ledger::{PATIENCE, Run};
use crate::notes::Notes;
use sqlx::Error;
use sqlx_transactional::{Resolution, Tx, keys, on, transactional};
use sqlx_transactional_tests::{Action, Point, Setup, TestDb, for_engines};
use std::time::Duration;
use tokio::time::{sleep, timeout};

/// How often what chance may decide is tried.
const TIMES: i64 = 25;

fn setup() -> Setup {
    Setup::wired().connections(2)
}

/// A call with a value of its own.
#[transactional(key = run.id(0), timeout = "5s")]
async fn once<DB: Notes>(tx: &mut Tx<'_, DB>, run: &Run) -> Result<i64, Error> {
    tx.after_commit(run.on_commit());
    tx.after_rollback(run.on_rollback());
    DB::insert(tx, run.id(1)).await?;
    Ok(run.id(7))
}

/// The same, repeated: the note tells in which attempt it was stored.
#[transactional(key = run.id(0), timeout = "5s", retry(base = "1ms"))]
async fn repeated<DB: Notes>(tx: &mut Tx<'_, DB>, run: &Run) -> Result<i64, Error> {
    tx.after_commit(run.on_commit());
    tx.after_rollback(run.on_rollback());
    let attempt = tx.attempt().into();
    DB::insert(tx, run.id(attempt)).await?;
    Ok(run.id(attempt))
}

/// Repeated whatever came of it.
#[transactional(key = run.id(0), timeout = "5s", idempotent, retry(base = "1ms"))]
async fn idempotent<DB: Notes>(tx: &mut Tx<'_, DB>, run: &Run) -> Result<i64, Error> {
    tx.after_commit(run.on_commit());
    let attempt = tx.attempt().into();
    DB::insert(tx, run.id(attempt)).await?;
    Ok(run.id(attempt))
}

fn found(error: &Error) -> &sqlx_transactional::Error {
    sqlx_transactional::Error::find(error).unwrap_or_else(|| panic!("not ours: {error:?}"))
}

for_engines! {
    [postgres, mysql]

    /// A call during which the server goes away for the client: what is on its way
    /// meets its fault, and nobody gets through before the proxy is told.
    async fn shut_out(db: &TestDb<DB>, run: &Run, limit: Duration) -> Result<i64, Error> {
        let limits = sqlx_transactional::Limits::new().timeout(limit);
        let block = on(&db.pool).key(run.id(0).to_string()).limits(limits);
        let call = block.run(async |tx| {
            tx.after_commit(run.on_commit());
            tx.after_rollback(run.on_rollback());
            DB::insert(tx, run.id(1)).await?;
            db.wire().refuse_connections(true);
            Ok(run.id(7))
        });
        call.await
    }

    #[test(setup())]
    async fn a_call_whose_answer_was_lost_is_ok_with_its_value_and_hooks(db: &TestDb<DB>) {
        DB::run_on(db, keys::table::<DB>()).await;
        for number in 1..=TIMES {
            let run = Run::new(number);
            db.wire().arm(Point::reply_to("COMMIT"), Action::Cut);
            let value = once(&db.pool, &run).await.expect("it has committed");
            assert_eq!(value, run.id(7));
            assert_eq!(run.stored(db).await, [1]);
            assert_eq!(run.ran(), (1, 0));
        }
        assert_eq!(db.wire().fired(), usize::try_from(TIMES).unwrap());
        db.assert_whole().await;
    }

    #[test(setup())]
    async fn a_call_whose_commit_was_lost_is_told_that_the_connection_was(db: &TestDb<DB>) {
        DB::run_on(db, keys::table::<DB>()).await;
        let run = Run::new(1);
        db.wire().arm(Point::command("COMMIT"), Action::Cut);
        let error = once(&db.pool, &run).await.unwrap_err();
        assert!(matches!(error, Error::Io(_)), "{error:?}");
        assert!(run.stored(db).await.is_empty());
        assert_eq!(run.ran(), (0, 1));
        // Nothing stands in the way of the next.
        once(&db.pool, &run).await.unwrap();
        assert_eq!(run.stored(db).await, [1]);
        db.assert_whole().await;
    }

    #[test(setup())]
    async fn a_call_whose_commit_was_lost_is_repeated_and_done_once(db: &TestDb<DB>) {
        DB::run_on(db, keys::table::<DB>()).await;
        for number in 1..=TIMES {
            let run = Run::new(number);
            db.wire().arm(Point::command("COMMIT"), Action::Cut);
            let value = repeated(&db.pool, &run).await.expect("it is done again");
            assert_eq!(value, run.id(2));
            assert_eq!(run.stored(db).await, [2]);
            assert_eq!(run.ran(), (1, 0));
        }
        db.assert_whole().await;
    }

    #[test(setup())]
    async fn a_call_does_not_say_already_done_of_its_own_work(db: &TestDb<DB>) {
        DB::run_on(db, keys::table::<DB>()).await;
        for number in 1..=TIMES {
            let run = Run::new(number);
            db.wire().arm(Point::reply_to("COMMIT"), Action::Cut);
            let value = idempotent(&db.pool, &run).await.expect("it is its own");
            assert_eq!(value, run.id(1));
            assert_eq!(run.stored(db).await, [1]);
            assert_eq!(run.ran(), (1, 0));
        }
        db.assert_whole().await;
    }

    /// Another call's work is not taken for one's own.
    #[test(setup())]
    async fn a_key_that_another_call_has_written_since_is_not_ones_own(db: &TestDb<DB>) {
        DB::run_on(db, keys::table::<DB>()).await;
        let run = Run::new(1);
        db.wire().arm(Point::command("COMMIT"), Action::Cut);
        let other = async {
            db.wire().wait_for("COMMIT").await;
            // It waits for the first call's session to end.
            let block = on(&db.observer).key(run.id(0).to_string());
            block.run(async |tx| DB::insert(tx, run.id(5)).await).await.unwrap();
            db.wire().refuse_connections(false);
        };
        let call = shut_out(db, &run, Duration::from_secs(20));
        let (ended, ()) = tokio::join!(call, other);
        assert!(matches!(ended, Err(Error::Io(_))), "{ended:?}");
        assert_eq!(run.stored(db).await, [5]);
        assert_eq!(run.ran(), (0, 1));
        assert!(is_already_done(&once(&db.pool, &run).await.unwrap_err()));
        db.assert_whole().await;
    }

    #[test(setup())]
    async fn a_server_that_is_away_is_asked_again(db: &TestDb<DB>) {
        DB::run_on(db, keys::table::<DB>()).await;
        let run = Run::new(1);
        db.wire().arm(Point::reply_to("COMMIT"), Action::Cut);
        let back = async {
            db.wire().wait_for("COMMIT").await;
            sleep(Duration::from_millis(700)).await;
            db.wire().refuse_connections(false);
        };
        let call = shut_out(db, &run, Duration::from_secs(20));
        let (ended, ()) = tokio::join!(call, back);
        assert_eq!(ended.expect("it has committed"), run.id(7));
        assert_eq!(run.stored(db).await, [1]);
        assert_eq!(run.ran(), (1, 0));
        db.assert_whole().await;
    }

    #[test(setup())]
    async fn a_server_that_stays_away_leaves_the_outcome_unknown(db: &TestDb<DB>) {
        DB::run_on(db, keys::table::<DB>()).await;
        for (number, point, wanted) in [
            (1, Point::reply_to("COMMIT"), Resolution::Committed),
            (2, Point::command("COMMIT"), Resolution::RolledBack),
        ] {
            let run = Run::new(number);
            db.wire().arm(point, Action::Cut);
            let error = shut_out(db, &run, Duration::from_millis(600)).await.unwrap_err();
            assert!(found(&error).is_outcome_unknown(), "{error:?}");
            assert_eq!(run.ran(), (0, 0));
            let resolved = found(&error).resolve(&db.observer).await.unwrap();
            assert_eq!(resolved, wanted);
            db.wire().refuse_connections(false);
        }
        db.assert_whole().await;
    }

    /// What was asked for until the deadline is not repeated: it might find its own
    /// key.
    #[test(setup())]
    async fn an_outcome_that_stays_unknown_is_not_repeated(db: &TestDb<DB>) {
        DB::run_on(db, keys::table::<DB>()).await;
        let run = Run::new(1);
        db.wire().arm(Point::reply_to("COMMIT"), Action::Cut);
        let limits = sqlx_transactional::Limits::new().timeout(Duration::from_millis(600));
        let retry = sqlx_transactional::Retry::new().idempotent();
        let block = on(&db.pool).key("a").limits(limits).retry(retry);
        let call = block.run(async |tx| {
            let attempt = tx.attempt().into();
            db.wire().refuse_connections(attempt == 1);
            DB::insert(tx, run.id(attempt)).await
        });
        let error = call.await.unwrap_err();
        assert!(found(&error).is_outcome_unknown(), "{error:?}");
        assert_eq!(run.stored(db).await, [1]);
        db.wire().refuse_connections(false);
        db.assert_whole().await;
    }

    /// Nobody waits for it any more; its hooks run all the same.
    #[test(setup())]
    async fn a_call_that_was_dropped_finds_out_for_its_hooks(db: &TestDb<DB>) {
        DB::run_on(db, keys::table::<DB>()).await;
        let run = Run::new(1);
        db.wire().arm(Point::reply_to("COMMIT"), Action::Hold);
        let call = async {
            let dropped = timeout(PATIENCE, once(&db.pool, &run));
            tokio::select! {
                ended = dropped => panic!("nothing was held: {ended:?}"),
                () = db.wire().wait_until_held() => {}
            }
        };
        call.await;
        db.wire().cut_all().await;
        assert_eq!(run.wait_for_hooks(1).await, (1, 0));
        assert_eq!(run.stored(db).await, [1]);
        db.assert_whole().await;
    }

    /// A connection of the caller's own has no pool through which to ask.
    #[test(setup())]
    async fn a_callers_own_connection_leaves_the_outcome_unknown(db: &TestDb<DB>) {
        DB::run_on(db, keys::table::<DB>()).await;
        let run = Run::new(1);
        db.wire().arm(Point::reply_to("COMMIT"), Action::Cut);
        let mut own = db.pool.acquire().await.unwrap();
        let error = once(&mut own, &run).await.unwrap_err();
        drop(own);
        assert!(found(&error).is_outcome_unknown(), "{error:?}");
        assert_eq!(run.ran(), (0, 0));
        let resolved = found(&error).resolve(&db.pool).await.unwrap();
        assert_eq!(resolved, Resolution::Committed);
        db.assert_whole().await;
    }
}
