//! A part of a transaction that is dropped, by a timeout around it say, while
//! the rest goes on and claims success.

use super::place::Place;
use super::setup;
use crate::ledger::{PATIENCE, Run};
use crate::notes::Notes;
use crate::pools::{assert_closes, recommended, slow};
use futures_util::TryStreamExt;
use sqlx::{Error, Pool};
use sqlx_transactional::{Tx, transactional};
use sqlx_transactional_tests::{Engine, TestDb, for_each_engine, inspect};
use std::io::Write;
use tokio::time::timeout;

/// What is dropped. It stores note 2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Statement,
    Stream,
    Joined,
    Savepoint,
    Connection,
}

impl Part {
    async fn run<DB: Notes>(self, tx: &mut Tx<'_, DB>, run: &Run) -> Result<(), Error> {
        match self {
            Self::Statement => DB::insert_cold(tx, run.id(2)).await,
            Self::Stream => {
                DB::insert(&mut *tx, run.id(2)).await?;
                let mut rows = DB::rows(tx, 5);
                while rows.try_next().await?.is_some() {}
                Ok(())
            }
            Self::Joined => joined(tx, run).await,
            Self::Savepoint => tx.savepoint(async |tx| joined(tx, run).await).await,
            Self::Connection => DB::insert_cold_on(tx.connection().await?, run.id(2)).await,
        }
    }

    /// Whether the body has another statement behind the part. A statement on
    /// the connection itself is seen by nobody here, so that on MySQL its end may
    /// still be under way when the next one waits for its own.
    fn goes_on(self) -> bool {
        self != Self::Connection
    }

    /// What is stored without the part, and with it.
    fn notes(self) -> [&'static [i64]; 2] {
        if self.goes_on() {
            [&[1, 3], &[1, 2, 3]]
        } else {
            [&[1], &[1, 2]]
        }
    }

    /// Whether the whole may commit when the part was begun and dropped.
    fn may_be_left_out(self, engine: Engine) -> bool {
        match self {
            Self::Statement | Self::Stream | Self::Joined => false,
            Self::Savepoint => engine != Engine::MySql,
            Self::Connection => true,
        }
    }
}

#[transactional]
async fn joined<DB: Notes>(tx: &mut Tx<'_, DB>, run: &Run) -> Result<(), Error> {
    DB::insert_cold(tx, run.id(2)).await
}

/// The whole, of which the part is dropped at a place. Gives the outcome, and
/// whether the part finished.
async fn whole<DB: Notes>(
    db: &TestDb<DB>,
    pool: &Pool<DB>,
    run: &Run,
    part: Part,
    place: Place,
) -> (Result<(), Error>, bool) {
    let mut finished = false;
    let outcome = sqlx_transactional::transaction(pool, async |tx: &mut Tx<'_, DB>| {
        tx.after_commit(run.on_commit());
        tx.after_rollback(run.on_rollback());
        DB::insert(&mut *tx, run.id(1)).await?;
        let output = place.drop_here(db, part.run(&mut *tx, run)).await;
        finished = output.is_some();
        output.transpose()?;
        if part.goes_on() {
            // Its error, if there is one, goes nowhere.
            let _ = DB::insert(tx, run.id(3)).await;
        }
        Ok(())
    });
    (outcome.await, finished)
}

/// Drops the part everywhere.
async fn dropped_everywhere<DB: Notes>(db: &TestDb<DB>, part: Part) {
    let pool = slow(db, recommended(db.url(), 1)).await;
    let (mut number, mut committed) = (0, 0);
    for first in Place::all(db) {
        let mut place = first;
        loop {
            number += 1;
            let run = Run::new(number);
            let call = whole(db, &pool, &run, part, place);
            let (outcome, finished) = timeout(PATIENCE, call)
                .await
                .unwrap_or_else(|_| panic!("{part:?} at {place:?}: it hangs"));
            inspect::assert_whole(db, &pool).await;
            let stored = run.stored(db).await;
            let said = format!("{part:?} at {place:?}: {outcome:?}, stored {stored:?}");
            let [without, with] = part.notes();
            match &outcome {
                Ok(()) if finished => assert_eq!(stored, with, "{said}"),
                Ok(()) if place.is_before_the_first_poll() => assert_eq!(stored, without, "{said}"),
                Ok(()) => {
                    committed += 1;
                    assert!(part.may_be_left_out(db.engine()), "{said}");
                    // A statement on the connection may have run.
                    let ran = part == Part::Connection && stored == with;
                    assert!(stored == without || ran, "{said}");
                }
                Err(error) => {
                    assert!(!finished && stored.is_empty(), "{said}");
                    let found = sqlx_transactional::Error::find(error).expect(&said);
                    assert!(found.is_doomed(), "{said}");
                }
            }
            if part == Part::Connection && db.engine() == Engine::MySql && outcome.is_err() {
                // Nobody can be asked what was done there.
                let ran = run.ran();
                assert!(ran == (0, 0) || ran == (0, 1), "{ran:?}: {said}");
            } else {
                let ran = if outcome.is_ok() { (1, 0) } else { (0, 1) };
                assert_eq!(run.wait_for_hooks(1).await, ran, "{said}");
            }
            if finished {
                break;
            }
            place = place.next();
        }
    }
    if part == Part::Savepoint && db.engine() != Engine::MySql {
        assert!(committed > 0, "a savepoint saved nothing");
    }
    assert_closes(&pool).await;
    let _ = writeln!(
        std::io::stderr(),
        "cancellation on {}: part {part:?}: {number} calls, {committed} committed without it",
        db.engine()
    );
}

for_each_engine! {
    #[test(setup())]
    async fn a_statement(db: &TestDb<DB>) {
        dropped_everywhere(db, Part::Statement).await;
    }

    #[test(setup())]
    async fn a_stream(db: &TestDb<DB>) {
        dropped_everywhere(db, Part::Stream).await;
    }

    #[test(setup())]
    async fn a_joined_call(db: &TestDb<DB>) {
        dropped_everywhere(db, Part::Joined).await;
    }

    #[test(setup())]
    async fn a_savepoint(db: &TestDb<DB>) {
        dropped_everywhere(db, Part::Savepoint).await;
    }

    #[test(setup())]
    async fn a_statement_on_the_connection(db: &TestDb<DB>) {
        dropped_everywhere(db, Part::Connection).await;
    }
}
