//! Errors that a body keeps to itself: R7, `Ok` means durable.

pub(crate) mod class;
mod mysql;
mod postgres;
pub(crate) mod provoked;
mod sqlite;
pub(crate) mod trap;

use crate::desk::Desk;
use crate::judge::{Verdict, is_unknown};
use crate::ledger::Run;
use crate::notes::Notes;
use crate::subject::{Answer, Panicked, answered, caught};
use crate::sweep::heals;
use class::{Class, Classes, Rival};
use provoked::Provoked;
use sqlx::Pool;
use sqlx::pool::PoolOptions;
use sqlx_transactional_tests::campaign::Goal;
use sqlx_transactional_tests::{TestDb, inspect};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::time::timeout;
use trap::Trap;

/// What is asked of each case.
const GOALS: [Goal; 4] = [Goal::R7, Goal::R5, Goal::R9, Goal::R12];

/// How long a call, and the work around it, may take.
const PATIENCE: Duration = Duration::from_secs(8);

/// Each class of error in each trap, after 0, 1 and 2 notes.
pub(crate) async fn sweep<DB: Classes>(
    desk: &Desk,
    db: &TestDb<DB>,
    classes: impl Iterator<Item = &'static Class>,
    traps: &[Trap],
) {
    for class in classes {
        for trap in traps {
            let stem = format!("{trap}/{}/swallowed", class.name);
            let Some(positions) = desk.selection.positions(&GOALS, &stem) else {
                continue;
            };
            // A transaction that has written has the newest snapshot.
            let last = if class.is_stale { 1 } else { 3 };
            for position in positions.take_while(|position| *position <= last) {
                let case = format!("{stem}/{position}");
                one(desk, db, class, *trap, position - 1, &case).await;
            }
        }
    }
}

async fn one<DB: Classes>(
    desk: &Desk,
    db: &TestDb<DB>,
    class: &'static Class,
    trap: Trap,
    notes: usize,
    case: &str,
) {
    let pool = open(db, class).await;
    let run = Run::new(desk.number());
    let rival = Rival::new(db, class).await;
    let provoked = Arc::new(Provoked::new(class, trap, run.clone(), notes, rival));
    let began = Instant::now();
    let answer = timeout(PATIENCE, answered(trap.call(&pool, &provoked))).await;
    let took = began.elapsed();
    provoked.rival.leave().await;
    let Ok(answer) = answer else {
        let verdict = (Goal::R7, Err("it hangs".to_owned()));
        desk.note(db.engine(), case, took, [verdict]);
        return;
    };
    let healed = heals(&pool).await;
    let mut found = inspect::problems(db, &pool).await;
    if timeout(PATIENCE, pool.close()).await.is_err() {
        found.push("the pool does not close".to_owned());
    }
    let stored = run.stored(db).await;
    let hooks = if run.has_hooks() {
        let _ = crate::ledger::eventually(|| run.ran() != (0, 0)).await;
        Some(caught(|| run.ran()))
    } else {
        None
    };
    let mut verdicts = vec![
        (Goal::R7, durable(&provoked, &answer, &stored)),
        (Goal::R5, exact(&answer, &stored)),
        (
            Goal::R9,
            if found.is_empty() {
                healed
            } else {
                Err(found.join(", "))
            },
        ),
    ];
    verdicts.extend(hooks.map(|ran| hooks_of(&answer, ran)));
    desk.note(db.engine(), case, took, verdicts);
}

/// A pool of one connection that is made ready for the class, over notes that
/// the rival knows.
async fn open<DB: Classes>(db: &TestDb<DB>, class: &Class) -> Pool<DB> {
    for sql in [
        "delete from notes",
        "delete from probes where id < 0",
        "insert into notes (id, body) values (-1, ''), (-2, '')",
    ] {
        let mut observer = db.observer.acquire().await.expect("the observer");
        let done = DB::execute(&mut observer, sql).await;
        done.unwrap_or_else(|error| panic!("{sql}: {error}"));
    }
    let options = PoolOptions::new()
        .max_connections(1)
        .acquire_timeout(PATIENCE);
    let pool: Pool<DB> = db.pool_with(options).await;
    let mut connection = pool.acquire().await.expect("a connection");
    for sql in class.settings {
        let done = DB::execute(&mut connection, sql).await;
        done.unwrap_or_else(|error| panic!("{sql}: {error}"));
    }
    drop(connection);
    inspect::settle(&pool).await;
    pool
}

/// R7: after `Ok` everything is stored of which the body was told `Ok`, and
/// nothing else.
fn durable<DB: Notes>(
    provoked: &Provoked<DB>,
    answer: &Answer,
    stored: &[i64],
) -> Result<(), String> {
    if let Err(error) = answer
        && error.is::<Panicked>()
    {
        return Err(error.to_string());
    }
    let class = provoked.class;
    let error = provoked.error().ok_or("the error was not provoked")?;
    if !error.contains(class.says) {
        return Err(format!("not {}: {error}", class.name));
    }
    let told = provoked.told();
    match answer {
        Ok(()) if stored == told => Ok(()),
        Ok(()) => Err(format!(
            "the caller was told Ok, the body of {told:?}, stored is {stored:?}"
        )),
        Err(_) => Ok(()),
    }
}

/// R5: an error of which the outcome is known means that nothing is stored.
fn exact(answer: &Answer, stored: &[i64]) -> Result<(), String> {
    let Err(error) = answer else {
        return Ok(());
    };
    if is_unknown(&**error) {
        return Err(format!("nobody cut anything, the caller was told {error}"));
    }
    let found = sqlx_transactional::Error::find(&**error);
    // What came after the early end was stored by itself, and that is told.
    let is_ended_early = found.is_some_and(sqlx_transactional::Error::is_ended_early);
    if stored.is_empty() || is_ended_early {
        Ok(())
    } else {
        Err(format!("stored is {stored:?}, the caller was told {error}"))
    }
}

/// R12.
fn hooks_of(answer: &Answer, ran: Result<(usize, usize), String>) -> Verdict {
    // What ended the transaction on its connection cannot be told from a COMMIT there.
    let found = answer
        .as_ref()
        .err()
        .map(|error| &**error as &dyn std::error::Error);
    let is_ended_early = found
        .and_then(sqlx_transactional::Error::find)
        .is_some_and(sqlx_transactional::Error::is_ended_early);
    let wanted = match answer {
        Ok(()) => (1, 0),
        Err(_) if is_ended_early => (0, 0),
        Err(_) => (0, 1),
    };
    let verdict = match ran {
        Ok(ran) if ran == wanted => Ok(()),
        Ok(ran) => Err(format!("hooks ran {ran:?} times, not {wanted:?}")),
        Err(problem) => Err(problem),
    };
    (Goal::R12, verdict)
}
