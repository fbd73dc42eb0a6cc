//! One form and every fault, at one position after the other.

use crate::black_hole::{self, Met};
use crate::calls::Within;
use crate::desk::Desk;
use crate::fault::{Ended, Fault};
use crate::judge::{self, Seen};
use crate::notes::Notes;
use crate::selection::MAX;
use crate::subject::{End, Promise, Ran, Subject, answered};
use sqlx::pool::PoolOptions;
use sqlx::{Error, Pool};
use sqlx_transactional::pool;
use sqlx_transactional_tests::campaign::Goal;
use sqlx_transactional_tests::{Direction, TestDb, inspect};
use std::time::{Duration, Instant};
use tokio::time::{sleep, timeout};

/// How long the pool may take to be whole again.
const PROMPTLY: Duration = Duration::from_secs(1);

/// How long the work around a call may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long a pool that does not heal may take to close.
const LATELY: Duration = Duration::from_millis(100);

/// The most that a message is late on its way, where chance decides.
const LATEST: u64 = 2_000;

/// On loopback an answer is often there before anybody has to wait for it.
const WAIT: Duration = Duration::from_millis(1);

/// How often a machine may stand still at one position.
const STALLS: usize = 3;

/// A sweep that meets fewer positions than this has gone past its call.
const FEWEST: usize = 3;

/// A call that was judged, to be looked at again.
struct Judged<G> {
    case: String,
    given: G,
    ran: Ran,
}

/// Lets the subject meet every fault that is asked for, wherever it can.
pub(crate) async fn sweep<DB: Notes, S: Subject<DB>>(desk: &Desk, db: &TestDb<DB>, subject: &S) {
    let mut judged = Vec::new();
    for fault in Fault::ALL {
        let stem = format!("{}/{fault}", subject.name());
        if fault.needs_wire() && db.wire.is_none() {
            continue;
        }
        let Some(positions) = desk.selection.positions(fault.goals(), &stem) else {
            continue;
        };
        let is_black_hole = matches!(fault, Fault::BlackHole(_));
        let all = !is_black_hole || desk.is_thorough();
        let positions = match fault {
            Fault::BlackHole(from) => black_hole::positions(desk, subject.name(), from, positions),
            _ => positions.collect(),
        };
        if positions.is_empty() {
            continue;
        }
        let (mut met, mut unknown) = (0, 0);
        for position in positions {
            let case = format!("{stem}/{position}");
            let (mut seen, mut in_vain) = (Err(Met::Stall), 0);
            while in_vain <= STALLS {
                seen = one(desk, db, subject, fault, position, &case, &mut judged).await;
                in_vain += match seen {
                    Err(Met::Stall) => 1,
                    // What the last call left in the background may have met it.
                    Err(Met::Nothing) if in_vain == 0 && is_black_hole => STALLS,
                    _ => break,
                };
            }
            let Ok(seen) = seen else {
                break;
            };
            met += 1;
            unknown += usize::from(seen == End::Unknown);
        }
        let wrong = match met {
            MAX => Some("the call has no end".to_owned()),
            0 if !desk.selection.is_open() => Some("the call has no such position".to_owned()),
            0..FEWEST if desk.selection.is_open() && all => Some(format!("only {met} positions")),
            _ => None,
        };
        if let Some(wrong) = wrong {
            let (goal, took) = (fault.goals()[0], Duration::ZERO);
            desk.note_one(db.engine(), &stem, took, goal, Err(wrong));
        }
        let loses_commit = all && fault.loses() && subject.promise() == Promise::Commits;
        if loses_commit && unknown == 0 && desk.selection.is_open() {
            let wrong = Err("COMMIT was lost, and no outcome was unknown".to_owned());
            desk.note_one(db.engine(), &stem, Duration::ZERO, Goal::R5, wrong);
        }
    }
    ran_once(desk, db, subject, &judged).await;
}

/// One case. How the call may have ended, if it has met its fault, or else what
/// it has met.
async fn one<DB: Notes, S: Subject<DB>>(
    desk: &Desk,
    db: &TestDb<DB>,
    subject: &S,
    fault: Fault,
    position: usize,
    case: &str,
    judged: &mut Vec<Judged<S::Given>>,
) -> Result<End, Met> {
    let chance = desk.chance(case);
    let pool = open(db, fault, PATIENCE).await;
    let given = subject.prepare(db, &pool, desk.number(), chance).await;
    inspect::settle(&pool).await;
    if let Some(wire) = &db.wire {
        wire.set_latency(latency(fault, chance));
        let _ = wire.take_log();
    }
    let began = Instant::now();
    let (ended, met, timing) = if let Fault::BlackHole(from) = fault {
        let place = Within(pool.clone());
        let call = answered(subject.call_within(&place, &given));
        let (ended, met, timing) = black_hole::inflict(db, from, position, call).await;
        if met != Met::Fault {
            // What the background sends into it is nobody's to judge, and what
            // it told is not the next one's.
            let _ = subject.ran(&given, 0).await;
            let _ = timeout(PROMPTLY, pool.close()).await;
            return Err(met);
        }
        (ended, true, Some(timing))
    } else {
        let call = answered(subject.call(&pool, &given));
        let (ended, met) = fault.inflict(db, &pool, position, call).await;
        (ended, met, None)
    };
    let took = timing
        .as_ref()
        .map_or(began.elapsed(), |timing| timing.took);
    // What the call sent, and not what the checks will.
    let log = db.wire.as_ref().map(|wire| {
        wire.set_latency(Duration::ZERO);
        wire.take_log()
    });
    let healed = heals(&pool).await;
    let mut found = inspect::problems(db, &pool).await;
    // One that has lost its connection waits for it, and is found out already.
    let patience = if healed.is_ok() { PATIENCE } else { LATELY };
    if timeout(patience, pool.close()).await.is_err() {
        found.push("the pool does not close".to_owned());
    }
    if !found.is_empty() {
        clear(db).await;
    }
    let left = subject.left(db, &given).await;
    let ends = judge::ends(subject.promise(), &ended, &left);
    let end = if met { Ok(ends[0]) } else { Err(Met::Nothing) };
    let mut hooks = None;
    if subject.has_hooks(&given) && !matches!(ended, Ended::Hung) {
        let is_unseen = met && subject.may_be_unseen() && ends.contains(&End::RolledBack);
        let mut wanted: Vec<Ran> = ends.into_iter().map(|end| subject.wanted(end)).collect();
        let number = wanted.iter().map(|(commit, rollback)| commit + rollback);
        let number = number.max().filter(|_| !is_unseen);
        let ran = subject.ran(&given, number.unwrap_or(0)).await;
        if is_unseen {
            wanted.push((0, 0));
        } else if let Ok(ran) = &ran {
            judged.push(Judged {
                case: case.to_owned(),
                given,
                ran: *ran,
            });
        }
        hooks = Some((ran, wanted));
    }
    let seen = Seen {
        ended,
        left,
        commit_sent: log.map(|log| log.iter().any(|line| line == "COMMIT")),
        healed,
        found,
        hooks,
        timing,
    };
    let mut verdicts = judge::verdicts(fault, subject.promise(), met, &seen);
    if met {
        desk.note(db.engine(), case, took, verdicts);
    } else {
        // A call that nothing disturbed is no case, but it has to be right.
        verdicts.retain(|(_, verdict)| verdict.is_err());
        for (goal, verdict) in verdicts {
            desk.note_one(db.engine(), case, took, goal, verdict);
        }
    }
    end
}

/// Ends what a case has left behind, which the next one would be blamed for.
async fn clear<DB: Notes>(db: &TestDb<DB>) {
    let Some(wire) = &db.wire else {
        return;
    };
    wire.cut_all().await;
    let gone = async {
        while inspect::sessions(db).await > 0 {
            sleep(Duration::from_millis(10)).await;
        }
    };
    let _ = timeout(PATIENCE, gone).await;
}

/// A pool of its own for each case: what one leaves behind is not the next
/// one's, and a case alone is the same as in its sweep. The polls run on a plain
/// sqlx pool, whose connections are slow, the messages on a recommended one. It
/// gives up after `patience`.
pub(crate) async fn open<DB: Notes>(db: &TestDb<DB>, fault: Fault, patience: Duration) -> Pool<DB> {
    let options = if fault.needs_wire() {
        pool::options(db.url())
    } else {
        PoolOptions::new().after_connect(|connection, _| Box::pin(DB::slow_down(connection)))
    };
    let options = options.max_connections(1).acquire_timeout(patience);
    db.pool_with(options).await
}

/// The pool of a case in which messages meet faults.
pub(crate) async fn open_wired<DB: Notes>(db: &TestDb<DB>) -> Pool<DB> {
    open(db, Fault::Cut(Direction::FromClient), PATIENCE).await
}

/// How long each message of the case is on its way.
pub(crate) fn latency(fault: Fault, chance: u64) -> Duration {
    let base = if fault.needs_wire() {
        Duration::ZERO
    } else {
        WAIT
    };
    if chance == 0 {
        return base;
    }
    base + Duration::from_micros(fastrand::Rng::with_seed(chance).u64(..LATEST))
}

/// Whether the pool hands out its one connection in time.
pub(crate) async fn heals<DB: Notes>(pool: &Pool<DB>) -> Result<(), String> {
    match timeout(PROMPTLY, pool.acquire()).await {
        Ok(Ok(connection)) => {
            drop(connection);
            Ok(())
        }
        Ok(Err(Error::PoolTimedOut)) | Err(_) => {
            Err(format!("the pool has no connection within {PROMPTLY:?}"))
        }
        Ok(Err(error)) => Err(format!("the pool has no connection: {error}")),
    }
}

/// No hook ran a second time, or when all had been judged.
async fn ran_once<DB: Notes, S: Subject<DB>>(
    desk: &Desk,
    db: &TestDb<DB>,
    subject: &S,
    judged: &[Judged<S::Given>],
) {
    for Judged { case, given, ran } in judged {
        let now = subject.ran(given, 0).await;
        if now.as_ref() != Ok(ran) {
            let problem = format!("hooks ran {ran:?} times, and later {now:?}");
            let took = Duration::ZERO;
            desk.note_one(db.engine(), case, took, Goal::R12, Err(problem));
        }
    }
}
