//! Calls that are made again with the same key: R6, exactly once. And those that
//! repeat themselves: R11, only when that is safe.

use crate::calls::{LIMIT, answering};
use crate::control::{Control, Controlled, Work};
use crate::desk::Desk;
use crate::fault::{Ended, Fault};
use crate::judge::is_unknown;
use crate::ledger::Run;
use crate::notes::Notes;
use crate::subject::{Answer, answered};
use crate::sweep::{latency, open};
use futures_util::future::LocalBoxFuture;
use sqlx::{Error, Pool};
use sqlx_transactional::{Tx, keys, transactional};
use sqlx_transactional_tests::campaign::Goal;
use sqlx_transactional_tests::{Direction, TestDb, inspect};
use std::cell::Cell;
use std::error::Error as StdError;
use std::time::{Duration, Instant};
use tokio::time::timeout;

/// How often a call is made at most.
const ATTEMPTS: i64 = 3;

/// How long the attempts after a drop, and closing the pool, may take.
const PATIENCE: Duration = Duration::from_secs(8);

/// How long a control may wait for its pool.
const BRIEFLY: Duration = Duration::from_secs(1);

/// One attempt.
type Attempt<DB> =
    Box<dyn for<'a> Fn(&'a Pool<DB>, &'a Run, &'a Made) -> LocalBoxFuture<'a, Answer>>;

/// How many attempts were made.
type Made = Cell<i64>;

/// A call that is made again until it says that it is done.
pub(crate) struct Again<DB: Notes> {
    name: String,
    goal: Goal,
    attempt: Attempt<DB>,
    verdict: fn(&Ended, &[i64], i64) -> Result<(), String>,
}

impl<DB: Notes> Again<DB> {
    /// With a key.
    pub(crate) fn keyed() -> Self {
        Self {
            name: "once".to_owned(),
            goal: Goal::R6,
            attempt: Box::new(|pool, run, made| {
                made.set(made.get() + 1);
                answering(once(pool, run, made.get()))
            }),
            verdict,
        }
    }

    /// With `retry`, and nothing that makes a repetition safe.
    pub(crate) fn retried() -> Self {
        Self {
            name: "retried".to_owned(),
            goal: Goal::R11,
            attempt: Box::new(|pool, run, made| answering(retried(pool, run, made))),
            verdict: safely,
        }
    }

    /// In transactions of a control's, with nothing to know the call by.
    pub(crate) fn of(control: Control) -> Self
    where
        DB: Controlled,
    {
        Self {
            name: format!("{control}-again"),
            goal: Goal::R6,
            attempt: Box::new(move |pool, run, made| {
                made.set(made.get() + 1);
                let (first, _) = notes(made.get());
                answering(control.run(pool, Work::Two(run.clone(), first)))
            }),
            verdict,
        }
    }

    /// Makes the call until it is done, not more often than there are attempts.
    async fn until_done(&self, pool: &Pool<DB>, run: &Run, made: &Made) -> Answer {
        let mut last = Err(Error::RowNotFound.into());
        while made.get() < ATTEMPTS {
            match (self.attempt)(pool, run, made).await {
                Ok(()) => return Ok(()),
                Err(error) if is_already_done(&*error) => return Ok(()),
                Err(error) if self.goal == Goal::R11 => return Err(error),
                failed => last = failed,
            }
        }
        last
    }
}

/// Each attempt stores notes of its own, so that work done twice is seen.
#[transactional(key = run.id(0), timeout = "2s")]
async fn once<DB: Notes>(tx: &mut Tx<'_, DB>, run: &Run, attempt: i64) -> Result<(), Error> {
    let (first, second) = notes(attempt);
    DB::insert(tx, run.id(first)).await?;
    DB::insert_cold(tx, run.id(second)).await
}

/// It repeats itself, and says how often.
#[transactional(
    timeout = "2s",
    retry(attempts = 3, deadline = "2s", base = "1ms", cap = "1ms")
)]
async fn retried<DB: Notes>(tx: &mut Tx<'_, DB>, run: &Run, made: &Made) -> Result<(), Error> {
    made.set(tx.attempt().into());
    let (first, second) = notes(made.get());
    DB::insert(tx, run.id(first)).await?;
    DB::insert_cold(tx, run.id(second)).await
}

fn notes(attempt: i64) -> (i64, i64) {
    (2 * attempt - 1, 2 * attempt)
}

fn is_already_done(error: &(dyn StdError + Send + Sync + 'static)) -> bool {
    let found = sqlx_transactional::Error::find(error);
    found.is_some_and(sqlx_transactional::Error::is_already_done)
}

/// Lets the call meet every fault but a dead line, which has a deadline of its
/// own to be judged by, at each position.
pub(crate) async fn sweep<DB: Notes>(desk: &Desk, db: &TestDb<DB>, again: &Again<DB>) {
    if desk.selection.has(again.goal) {
        DB::run_on(db, keys::table::<DB>()).await;
    }
    for fault in Fault::ALL {
        let stem = format!("{}/{fault}", again.name);
        if matches!(fault, Fault::BlackHole(_)) || fault.needs_wire() && db.wire.is_none() {
            continue;
        }
        // A pool of plain sqlx is often dead after the others, which is slow to see.
        if desk.control.is_some() && fault != Fault::Cut(Direction::FromServer) {
            continue;
        }
        let one = async |position, case: &str| one(desk, db, again, fault, position, case).await;
        desk.at_each(db.engine(), again.goal, &stem, one).await;
    }
}

/// One case. Whether the call has met its fault.
async fn one<DB: Notes>(
    desk: &Desk,
    db: &TestDb<DB>,
    again: &Again<DB>,
    fault: Fault,
    position: usize,
    case: &str,
) -> bool {
    // A control has no deadline, and its pool may be dead.
    let patience = match desk.control {
        Some(_) => BRIEFLY,
        None => PATIENCE,
    };
    let pool = open(db, fault, patience).await;
    let run = Run::new(desk.number());
    inspect::settle(&pool).await;
    if let Some(wire) = &db.wire {
        wire.set_latency(latency(fault, desk.chance(case)));
    }
    let made = Cell::new(0);
    let began = Instant::now();
    let call = answered(again.until_done(&pool, &run, &made));
    let (mut ended, met) = fault.inflict(db, &pool, position, call).await;
    if let Some(wire) = &db.wire {
        wire.set_latency(Duration::ZERO);
    }
    if matches!(ended, Ended::Dropped) && again.goal == Goal::R6 {
        let rest = answered(again.until_done(&pool, &run, &made));
        ended = timeout(PATIENCE, rest)
            .await
            .map_or(Ended::Hung, Ended::Answered);
    }
    let took = began.elapsed();
    // What was dropped may still be on its way to its end.
    let _ = timeout(patience, pool.close()).await;
    let _ = timeout(LIMIT, async {
        while !inspect::left_behind(db).await.is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    let stored = run.stored(db).await;
    let outcome = (again.verdict)(&ended, &stored, made.get());
    if met {
        desk.note(db.engine(), case, took, [(again.goal, outcome)]);
    } else {
        let outcome = outcome.and(match made.get() {
            0 | 1 => Ok(()),
            made => Err(format!(
                "nothing was in its way, and it was made {made} times"
            )),
        });
        // A call that nothing disturbed is no case, but it has to be right.
        if outcome.is_err() {
            desk.note_one(db.engine(), case, took, again.goal, outcome);
        }
    }
    met
}

/// The notes of one attempt are there, and of no other.
fn verdict(ended: &Ended, stored: &[i64], made: i64) -> Result<(), String> {
    let Ended::Answered(answer) = ended else {
        return Err("it hangs".to_owned());
    };
    let wanted = |attempt| <[i64; 2]>::from(notes(attempt));
    let is_once = (1..=made).any(|attempt| stored == wanted(attempt));
    match answer {
        Ok(()) if is_once => Ok(()),
        Ok(()) => Err(format!("done after {made} attempts, stored is {stored:?}")),
        Err(error) => Err(format!(
            "not done after {made} attempts: {error}; stored is {stored:?}"
        )),
    }
}

/// Done once if the caller was told so, not at all if it was told a failure, and
/// never again once nobody knows.
fn safely(ended: &Ended, stored: &[i64], made: i64) -> Result<(), String> {
    let last = <[i64; 2]>::from(notes(made));
    let is_safe = match ended {
        Ended::Answered(Ok(())) => stored == last,
        Ended::Answered(Err(error)) if is_unknown(&**error) => stored.is_empty() || stored == last,
        Ended::Answered(Err(_)) => stored.is_empty(),
        Ended::Dropped => stored.is_empty() || stored == last,
        Ended::Hung => false,
    };
    if is_safe && made <= ATTEMPTS {
        return Ok(());
    }
    Err(format!(
        "after {made} attempts it ended as {ended:?}, stored is {stored:?}"
    ))
}

#[test]
fn what_is_repeated_in_vain_or_in_danger_is_seen() {
    let done = Ended::Answered(Ok(()));
    assert_eq!(safely(&done, &[3, 4], 2), Ok(()));
    for stored in [&[][..], &[1, 2], &[1, 2, 3, 4]] {
        assert!(safely(&done, stored, 2).is_err(), "{stored:?}");
    }
    let failed = || Ended::Answered(Err("refused".into()));
    assert_eq!(safely(&failed(), &[], 3), Ok(()));
    assert!(safely(&failed(), &[1, 2], 1).is_err());
    assert!(safely(&failed(), &[], 4).is_err());
    assert!(safely(&Ended::Hung, &[], 1).is_err());
}

#[test]
fn what_is_done_twice_or_never_is_seen() {
    let done = Ended::Answered(Ok(()));
    assert_eq!(verdict(&done, &[1, 2], 1), Ok(()));
    assert_eq!(verdict(&done, &[3, 4], 2), Ok(()));
    for stored in [&[][..], &[1], &[1, 2, 3, 4], &[2, 3], &[3, 4]] {
        assert!(verdict(&done, stored, 1).is_err(), "{stored:?}");
    }
    let failed = Ended::Answered(Err("refused".into()));
    assert!(verdict(&failed, &[1, 2], 3).is_err());
    assert!(verdict(&Ended::Hung, &[1, 2], 1).is_err());
}
