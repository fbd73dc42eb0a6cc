//! A connection that is lost while COMMIT is on its way: nobody knows whether
//! the data is there, and the error says so.

use super::{is_unknown, stores};
use crate::ledger::Run;
use crate::notes::Notes;
use crate::pools::{assert_closes, full, recommended};
use sqlx::Error;
use sqlx_transactional::{Retry, Tx, on};
use sqlx_transactional_tests::{Action, Point, Setup, TestDb, for_engines, inspect};
use std::error::Error as _;

/// Loses the connection at `point`, and asserts that the outcome is unknown to
/// the caller and that `stored` of it is there.
async fn assert_unknown<DB: Notes>(db: &TestDb<DB>, action: Action, point: Point, stored: &[i64]) {
    let wire = db.wire();
    let (pool, _) = full(db, recommended(db.url(), 1)).await;
    let run = Run::new(1);
    wire.arm(point, action);
    let call = stores(&pool, &run);
    let outcome = match action {
        Action::BlackHole => {
            let cut = async {
                wire.wait_for("COMMIT").await;
                while wire.fired() == 0 {
                    tokio::task::yield_now().await;
                }
                wire.cut_all().await;
            };
            tokio::join!(call, cut).0
        }
        _ => call.await,
    };
    let error = outcome.unwrap_err();
    assert_eq!(wire.fired(), 1);
    let found = sqlx_transactional::Error::find(&error).unwrap_or_else(|| panic!("{error:?}"));
    assert!(found.is_outcome_unknown() && !found.is_doomed(), "{found}");
    assert_eq!(found.sqlstate(), "08007");
    assert_eq!(error.as_database_error().unwrap().code().unwrap(), "08007");
    let source = found.source().and_then(|source| source.downcast_ref());
    assert!(matches!(source, Some(Error::Io(_))), "{source:?}");

    inspect::assert_whole(db, &pool).await;
    assert_eq!(run.stored(db).await, stored);
    assert_eq!(run.ran(), (0, 0), "no hook knows what to say");
    let log = wire.take_log();
    let commits = log.iter().filter(|line| *line == "COMMIT").count();
    assert_eq!(commits, 1, "it is never tried again: {log:?}");
    assert_closes(&pool).await;
    assert_eq!(run.ran(), (0, 0));
}

for_engines! {
    [postgres, mysql]

    #[test(Setup::wired())]
    async fn amb_02_cut_before_the_server_has_it(db: &TestDb<DB>) {
        assert_unknown(db, Action::Cut, Point::command("COMMIT"), &[]).await;
    }

    #[test(Setup::wired())]
    async fn amb_02_truncated_before_the_server_has_it(db: &TestDb<DB>) {
        assert_unknown(db, Action::Truncate, Point::command("COMMIT"), &[]).await;
    }

    #[test(Setup::wired())]
    async fn amb_02_swallowed_before_the_server_has_it(db: &TestDb<DB>) {
        assert_unknown(db, Action::BlackHole, Point::command("COMMIT"), &[]).await;
    }

    #[test(Setup::wired())]
    async fn amb_01_its_answer_cut(db: &TestDb<DB>) {
        assert_unknown(db, Action::Cut, Point::reply_to("COMMIT"), &[1, 2]).await;
    }

    /// The owner cannot go on with it, and the pool does not get it back.
    #[test(Setup::wired())]
    async fn on_a_lent_connection(db: &TestDb<DB>) {
        for (point, stored) in
            [(Point::command("COMMIT"), false), (Point::reply_to("COMMIT"), true)]
        {
            let run = Run::new(if stored { 2 } else { 1 });
            let mut lent = db.pool.acquire().await.unwrap();
            db.wire().arm(point, Action::Cut);
            let error = stores(&mut lent, &run).await.unwrap_err();
            let found = sqlx_transactional::Error::find(&error).unwrap();
            assert!(found.is_outcome_unknown(), "{error:?}");
            drop(lent);
            db.settle().await;
            assert_eq!(run.stored(db).await.is_empty(), !stored);
            assert_eq!(run.ran(), (0, 0), "no hook knows what to say");
            db.assert_whole().await;
        }
    }

    #[test(Setup::wired())]
    async fn amb_01_its_answer_truncated(db: &TestDb<DB>) {
        assert_unknown(db, Action::Truncate, Point::reply_to("COMMIT"), &[1, 2]).await;
    }

    #[test(Setup::wired())]
    async fn amb_01_its_answer_swallowed(db: &TestDb<DB>) {
        assert_unknown(db, Action::BlackHole, Point::reply_to("COMMIT"), &[1, 2]).await;
    }

    /// Neither engine could tell a second COMMIT from the first: not even a call
    /// that may be repeated sends one, on no connection.
    #[test(Setup::wired())]
    async fn amb_07_commit_is_not_sent_again(db: &TestDb<DB>) {
        let wire = db.wire();
        let (pool, _) = full(db, recommended(db.url(), 2)).await;
        for (number, point) in [(1, Point::command("COMMIT")), (2, Point::reply_to("COMMIT"))] {
            let run = Run::new(number);
            wire.arm(point, Action::Cut);
            let call = on(&pool).retry(Retry::new()).run(async |tx: &mut Tx<'_, DB>| {
                DB::insert(tx, run.id(1)).await
            });
            assert!(is_unknown(&call.await.unwrap_err()));
            inspect::settle(&pool).await;
            tokio::time::sleep(std::time::Duration::from_millis(200)).await;
            let log = wire.take_log();
            let begun = log.iter().filter(|line| line.starts_with(DB::BEGIN)).count();
            let commits = log.iter().filter(|line| *line == "COMMIT").count();
            assert_eq!((begun, commits), (1, 1), "{log:?}");
            inspect::assert_whole(db, &pool).await;
        }
        assert_closes(&pool).await;
    }
}
