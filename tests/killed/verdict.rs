//! Whether what the callers were told is what is stored.

use super::load::{Call, End, Record};
use sqlx_transactional_tests::campaign::Goal;
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// One answer: the goal, the round, its slowest call, and what is wrong.
type Answer = (Goal, usize, Duration, Result<(), String>);

/// How the calls ended.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Counts {
    pub(crate) acknowledged: usize,
    pub(crate) failed: usize,
    pub(crate) unknown: usize,
    pub(crate) slowest: Duration,
}

impl fmt::Display for Counts {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{} acknowledged, {} failed, {} unknown, slowest {:?}",
            self.acknowledged, self.failed, self.unknown, self.slowest
        )
    }
}

/// Counts the calls.
pub(crate) fn counts(record: &Record) -> Counts {
    let number = |end| record.calls.iter().filter(|call| call.end == end).count();
    Counts {
        acknowledged: number(End::Acknowledged),
        failed: number(End::Failed),
        unknown: number(End::Unknown),
        slowest: slowest(&record.calls),
    }
}

/// What each round says about each goal; the last kill is followed by one more.
/// `stored` has an id for each row.
pub(crate) fn on(record: &Record, stored: &[i64], kills: usize) -> Vec<Answer> {
    let mut rows: BTreeMap<i64, usize> = BTreeMap::new();
    for id in stored {
        *rows.entry(*id).or_default() += 1;
    }
    let mut answers = Vec::new();
    for round in 0..=kills {
        let calls = record.calls.iter().copied();
        let calls: Vec<_> = calls.filter(|call| call.round == round).collect();
        for goal in [Goal::R1, Goal::R2, Goal::R8, Goal::R12] {
            let problem = calls.iter().find_map(|call| {
                let rows = rows.get(&call.id).copied().unwrap_or_default();
                let hooks = record.hooks.get(&call.id).copied().unwrap_or_default();
                problem(goal, call, rows, hooks)
            });
            let outcome = problem.map_or(Ok(()), Err);
            answers.push((goal, round, slowest(&calls), outcome));
        }
    }
    answers
}

/// What is wrong with one call.
fn problem(goal: Goal, call: &Call, rows: usize, hooks: usize) -> Option<String> {
    let wrong = match (goal, call.end) {
        (Goal::R1, End::Acknowledged) => rows != 2,
        (Goal::R2, End::Failed) => rows != 0,
        (Goal::R2, End::Unknown | End::Hung) => rows == 1,
        (Goal::R8, end) => end == End::Hung,
        (Goal::R12, End::Acknowledged) => hooks != 1,
        (Goal::R12, End::Failed | End::Unknown) => hooks != 0,
        _ => false,
    };
    wrong.then(|| {
        format!(
            "call {} is {:?}; {rows} of its 2 rows are stored, its hook ran {hooks} times",
            call.id, call.end
        )
    })
}

fn slowest(calls: &[Call]) -> Duration {
    let times = calls.iter().map(|call| call.took);
    times.max().unwrap_or_default()
}

/// The goals that one call violates.
#[cfg(test)]
fn violated(end: End, rows: usize, hooks: usize) -> Vec<Goal> {
    let call = Call {
        id: 7,
        round: 1,
        end,
        took: Duration::ZERO,
    };
    let record = Record {
        calls: vec![call],
        hooks: [(7, hooks)].into(),
    };
    let answers = on(&record, &vec![7; rows], 1).into_iter();
    let bad = answers.filter(|(.., outcome)| outcome.is_err());
    bad.map(|(goal, ..)| goal).collect()
}

#[test]
fn what_is_well_is_well() {
    assert_eq!(violated(End::Acknowledged, 2, 1), []);
    assert_eq!(violated(End::Failed, 0, 0), []);
    assert_eq!(violated(End::Unknown, 0, 0), []);
    assert_eq!(violated(End::Unknown, 2, 0), []);
}

#[test]
fn what_is_wrong_is_seen() {
    assert_eq!(violated(End::Acknowledged, 0, 1), [Goal::R1]);
    assert_eq!(violated(End::Acknowledged, 1, 1), [Goal::R1]);
    assert_eq!(violated(End::Acknowledged, 2, 0), [Goal::R12]);
    assert_eq!(violated(End::Failed, 2, 0), [Goal::R2]);
    assert_eq!(violated(End::Failed, 0, 1), [Goal::R12]);
    assert_eq!(violated(End::Unknown, 1, 0), [Goal::R2]);
    assert_eq!(violated(End::Unknown, 2, 1), [Goal::R12]);
    assert_eq!(violated(End::Hung, 2, 0), [Goal::R8]);
}
