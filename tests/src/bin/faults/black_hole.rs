//! A line that is dead and does not say so: the call has a deadline, and what it
//! began on the server ends with it.

use crate::calls::LIMIT;
use crate::desk::Desk;
use crate::fault::Ended;
use crate::notes::Notes;
use crate::subject::Answer;
use sqlx_transactional_tests::{Action, Direction, Point, TestDb, inspect};
use std::ops::RangeInclusive;
use std::time::{Duration, Instant};
use tokio::time::{sleep, timeout};

/// How much later than a bare timer a call may return.
const LATER: Duration = Duration::from_millis(100);

/// How long the server may hold on to what the call began.
const FREED: Duration = Duration::from_secs(1);

/// A call that takes longer hangs.
const PATIENCE: Duration = Duration::from_secs(3);

/// The forms that a quick run tries, each of another kind.
const SAMPLE: [&str; 4] = ["annotated", "with-hooks", "savepoint-closure", "reader"];

/// What was timed of one call.
#[derive(Debug)]
pub(crate) struct Timing {
    pub(crate) took: Duration,
    /// How much later than the timer it returned.
    pub(crate) later: Duration,
    /// How long after that nothing of it was left on the server, or what was.
    pub(crate) freed: Result<Duration, String>,
}

impl Timing {
    /// R8.
    pub(crate) fn verdict(&self) -> Result<(), String> {
        if self.later > LATER {
            return Err(format!(
                "it returned {:?} after a timer of the same length",
                self.later
            ));
        }
        self.freed.clone().map(drop)
    }
}

/// The positions to try of those that are wanted. Each costs a deadline, so a
/// quick run tries every second one of a few forms, and a full run does not
/// repeat them: chance decides nothing about them that matters.
pub(crate) fn positions(
    desk: &Desk,
    name: &str,
    from: Direction,
    wanted: RangeInclusive<usize>,
) -> Vec<usize> {
    let is_pinned = wanted.start() == wanted.end();
    if let Some(control) = desk.control
        && !is_pinned
    {
        // Without a deadline each of them hangs; one is enough to see it.
        let is_one = name == control.name() && from == Direction::FromServer;
        return Vec::from_iter(is_one.then_some(2));
    }
    if desk.is_thorough() {
        return wanted.filter(|_| desk.is_first_round()).collect();
    }
    if !SAMPLE.contains(&name) {
        return Vec::new();
    }
    wanted.step_by(2).collect()
}

/// What a call came upon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Met {
    Fault,
    Nothing,
    /// Its deadline, on a line that was alive: the machine stood still.
    Stall,
}

/// Makes the call and lets its line go dead at `position`. The timer is polled
/// by the same task as the call, so that both are late when the machine is.
///
/// A call that answers ahead of its deadline has met nothing: the message was
/// one of the background, or there was none.
pub(crate) async fn inflict<DB: Notes>(
    db: &TestDb<DB>,
    from: Direction,
    position: usize,
    call: impl Future<Output = Answer>,
) -> (Ended, Met, Timing) {
    let wire = db.wire();
    let before = wire.fired();
    let point = Point::nth(from, position).of_one_connection();
    wire.arm(point, Action::BlackHole);
    let began = Instant::now();
    let timer = async {
        sleep(LIMIT).await;
        Instant::now()
    };
    let call = async {
        let ended = timeout(PATIENCE, call).await;
        let returned = Instant::now();
        wire.disarm();
        (ended.map_or(Ended::Hung, Ended::Answered), returned)
    };
    let (fired, (ended, returned)) = tokio::join!(timer, call);
    let took = returned - began;
    let met = match (wire.fired() > before, took >= LIMIT) {
        (true, true) => Met::Fault,
        (false, true) => Met::Stall,
        (_, false) => Met::Nothing,
    };
    let timing = Timing {
        took,
        later: returned.saturating_duration_since(fired),
        freed: freed(db, returned).await,
    };
    (ended, met, timing)
}

/// Asks the server until nothing of the call is left. The time is that of the
/// question, not of its answer.
async fn freed<DB: Notes>(db: &TestDb<DB>, returned: Instant) -> Result<Duration, String> {
    loop {
        let asked = returned.elapsed();
        let left = inspect::left_behind(db).await;
        if left.is_empty() {
            return Ok(asked);
        }
        if asked > FREED {
            return Err(format!("after {asked:?} there is {}", left.join(", ")));
        }
        sleep(Duration::from_millis(10)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_late_is_seen() {
        let timing = |later, freed| Timing {
            took: LIMIT,
            later: Duration::from_millis(later),
            freed,
        };
        assert_eq!(timing(99, Ok(Duration::ZERO)).verdict(), Ok(()));
        assert!(timing(101, Ok(Duration::ZERO)).verdict().is_err());
        assert!(timing(0, Err("a lock".to_owned())).verdict().is_err());
    }
}
