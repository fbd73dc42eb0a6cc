//! A line that is dead and does not say so, from any message on, with a limit:
//! the call returns, its session and its locks are gone, and the pool serves.

use super::setup;
use crate::ledger::Run;
use crate::notes::Notes;
use crate::pools::recommended;
use sqlx::Error;
use sqlx_transactional::{Tx, transactional};
use sqlx_transactional_tests::{Action, Direction, Point, TestDb, for_engines, inspect};
use std::cell::Cell;
use std::time::{Duration, Instant};

#[transactional(timeout = "500ms")]
async fn pair<DB: Notes>(tx: &mut Tx<'_, DB>, run: &Run) -> Result<(), Error> {
    tx.after_commit(run.on_commit());
    tx.after_rollback(run.on_rollback());
    DB::insert(tx, run.id(1)).await?;
    tx.savepoint(async |tx| DB::insert_cold(tx, run.id(2)).await)
        .await
}

/// Its last message is ROLLBACK, of what PostgreSQL has aborted by then.
#[transactional(timeout = "500ms")]
async fn swallows<DB: Notes>(tx: &mut Tx<'_, DB>) -> Result<(), Error> {
    DB::insert(&mut *tx, 1).await?;
    DB::insert(tx, 1).await.unwrap_err();
    Err(Error::RowNotFound)
}

/// How often the machine may stand still for the whole limit before the sweep
/// gives up.
const STALLS: usize = 3;

async fn swallowed_from_each<DB: Notes>(db: &TestDb<DB>, from: Direction) {
    for _ in 0..=STALLS {
        if sweep(db, from).await {
            return;
        }
    }
    panic!("more than {STALLS} sweeps met a limit that no dead line was the reason of");
}

/// Whether the sweep came to its end: a call whose limit passes although its
/// line is alive keeps the promise too, but it is not known to be the last.
async fn sweep<DB: Notes>(db: &TestDb<DB>, from: Direction) -> bool {
    let pool = db.pool_with(recommended(db.url(), 1)).await;
    let number = Cell::new(0);
    let run = || Run::new(number.get());
    let current = Cell::new(None);
    let call = async || {
        number.set(number.get() + 1);
        let run = run();
        let began = Instant::now();
        let ended = pair(&pool, &run).await;
        current.set(Some((run, began.elapsed())));
        ended
    };
    let stalled = Cell::new(false);
    let wire = db.wire();
    let met = wire.fault_at_each(from, Action::BlackHole, 60, call, async |at, ended, met| {
        let (run, took) = current.take().expect("a call was made");
        assert!(took < Duration::from_secs(5), "message {at}: {took:?}");
        // Locks and open transactions too: the server is asked.
        inspect::assert_whole(db, &pool).await;
        let stored = run.stored(db).await;
        let said = format!("message {at}: {ended:?}, stored {stored:?}");
        match ended {
            Ok(()) => assert!(stored == [1, 2], "{said}"),
            Err(error) => {
                let found = sqlx_transactional::Error::find(&error).expect(&said);
                stalled.set(!met);
                if found.is_outcome_unknown() {
                    assert!(stored.is_empty() || stored == [1, 2], "{said}");
                    assert_eq!(run.ran(), (0, 0), "{said}");
                } else {
                    assert!(found.is_timed_out() && stored.is_empty(), "{said}");
                    assert_eq!(run.wait_for_hooks(1).await, (0, 1), "{said}");
                }
            }
        }
    });
    assert!(met.await > 6 || stalled.get());
    !stalled.get()
}

for_engines! {
    [postgres, mysql]

    #[test(setup())]
    async fn from_each_message_of_the_client(db: &TestDb<DB>) {
        swallowed_from_each(db, Direction::FromClient).await;
    }

    #[test(setup())]
    async fn from_each_message_of_the_server(db: &TestDb<DB>) {
        swallowed_from_each(db, Direction::FromServer).await;
    }

    /// PostgreSQL does not tell any more then when it began.
    #[test(setup())]
    async fn from_the_end_of_one_that_is_aborted(db: &TestDb<DB>) {
        let pool = db.pool_with(recommended(db.url(), 1)).await;
        db.wire().arm(Point::command("ROLLBACK"), Action::BlackHole);
        swallows(&pool).await.unwrap_err();
        let returned = Instant::now();
        while !inspect::left_behind(db).await.is_empty() {
            assert!(returned.elapsed() < Duration::from_secs(4), "its session stays");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        inspect::assert_whole(db, &pool).await;
        assert_eq!(db.rows().await, [0; 0]);
    }
}
