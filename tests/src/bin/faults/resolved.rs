//! An outcome that is unknown, and found out: R5.

use crate::desk::Desk;
use crate::ledger::Run;
use crate::notes::Notes;
use crate::subject::answered;
use crate::sweep::open_wired;
use sqlx::{Error, Pool};
use sqlx_transactional::{Resolution, Tx, keys, on, transactional};
use sqlx_transactional_tests::campaign::Goal;
use sqlx_transactional_tests::{Action, Engine, Point, TestDb, inspect};
use std::error::Error as StdError;
use std::fmt;
use std::time::{Duration, Instant};
use tokio::time::timeout;

/// How often each case is tried, so that the server is met in other states.
const TIMES: usize = 5;

/// How long a call, and asking afterwards, may take.
const PATIENCE: Duration = Duration::from_secs(8);

/// What the outcome is asked by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    Number,
    Key,
}

impl fmt::Display for By {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Number => "by-number",
            Self::Key => "by-key",
        })
    }
}

impl By {
    async fn call<DB: Notes>(self, pool: &Pool<DB>, run: &Run) -> Result<(), Error> {
        match self {
            Self::Number => numbered(pool, run).await,
            // A call on the pool would ask by itself: see R6.
            Self::Key => {
                let mut own = pool.acquire().await?;
                keyed(&mut own, run).await
            }
        }
    }
}

/// On PostgreSQL alone; elsewhere it would be refused.
async fn numbered<DB: Notes>(pool: &Pool<DB>, run: &Run) -> Result<(), Error> {
    let block = on(pool).resolvable();
    block.run(async |tx| DB::insert(tx, run.id(1)).await).await
}

#[transactional(key = run.id(0))]
async fn keyed<DB: Notes>(tx: &mut Tx<'_, DB>, run: &Run) -> Result<(), Error> {
    DB::insert(tx, run.id(1)).await
}

/// Cuts the line before COMMIT and after it, and asks what became of it.
pub(crate) async fn sweep<DB: Notes>(desk: &Desk, db: &TestDb<DB>) {
    let ways: &[By] = match DB::ENGINE {
        Engine::Sqlite => return,
        Engine::MySql => &[By::Key],
        Engine::Postgres => &[By::Number, By::Key],
    };
    for by in ways {
        for place in ["before-commit", "after-commit"] {
            let stem = format!("{by}/cut/{place}");
            let Some(positions) = desk.selection.positions(&[Goal::R5], &stem) else {
                continue;
            };
            DB::run_on(db, keys::table::<DB>()).await;
            for position in positions.take_while(|position| *position <= TIMES) {
                let point = match place {
                    "before-commit" => Point::command("COMMIT"),
                    _ => Point::reply_to("COMMIT"),
                };
                let is_stored = place == "after-commit";
                let case = format!("{stem}/{position}");
                one(desk, db, *by, point, is_stored, &case).await;
            }
        }
    }
}

async fn one<DB: Notes>(
    desk: &Desk,
    db: &TestDb<DB>,
    by: By,
    point: Point,
    is_stored: bool,
    case: &str,
) {
    let pool = open_wired(db).await;
    let run = Run::new(desk.number());
    inspect::settle(&pool).await;
    let wire = db.wire();
    wire.arm(point, Action::Cut);
    let began = Instant::now();
    let call = answered(async { Ok(by.call(&pool, &run).await?) });
    let answer = timeout(PATIENCE, call).await;
    let took = began.elapsed();
    wire.disarm();
    let outcome = match answer {
        Err(_) => Err("it hangs".to_owned()),
        Ok(Ok(())) => Err("COMMIT was cut off, the caller was told Ok".to_owned()),
        Ok(Err(error)) => {
            let told = told(&*error, &pool).await;
            let stored = run.stored(db).await;
            told.and_then(|told| verdict(told, &stored, is_stored))
        }
    };
    let _ = timeout(PATIENCE, pool.close()).await;
    desk.note(db.engine(), case, took, [(Goal::R5, outcome)]);
}

/// What asking gives.
async fn told<DB: Notes>(
    error: &(dyn StdError + Send + Sync + 'static),
    pool: &Pool<DB>,
) -> Result<Resolution, String> {
    let found = sqlx_transactional::Error::find(error)
        .filter(|found| found.is_outcome_unknown())
        .ok_or_else(|| format!("COMMIT was cut off, the caller was told {error}"))?;
    match timeout(PATIENCE, found.resolve(pool)).await {
        Ok(Ok(resolution)) => Ok(resolution),
        Ok(Err(error)) => Err(format!("it cannot be asked: {error}")),
        Err(_) => Err("asking hangs".to_owned()),
    }
}

/// What is told is what is stored, and what must be.
fn verdict(told: Resolution, stored: &[i64], is_stored: bool) -> Result<(), String> {
    let wanted: (Resolution, &[i64]) = if is_stored {
        (Resolution::Committed, &[1])
    } else {
        (Resolution::RolledBack, &[])
    };
    if (told, stored) == wanted {
        Ok(())
    } else {
        Err(format!(
            "resolve says {told:?}, stored is {stored:?}, and not {wanted:?}"
        ))
    }
}

#[test]
fn what_is_told_wrongly_is_seen() {
    assert_eq!(verdict(Resolution::Committed, &[1], true), Ok(()));
    assert_eq!(verdict(Resolution::RolledBack, &[], false), Ok(()));
    assert!(verdict(Resolution::RolledBack, &[1], true).is_err());
    assert!(verdict(Resolution::Unknown, &[1], true).is_err());
    assert!(verdict(Resolution::Committed, &[], false).is_err());
}
