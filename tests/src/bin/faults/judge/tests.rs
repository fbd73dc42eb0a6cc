use super::*;
use sqlx_transactional_tests::Direction;
use std::time::Duration;

const CUT: Fault = Fault::Cut(Direction::FromServer);
const LATE: Fault = Fault::Delay(Direction::FromServer);

/// A call that was answered `Ok`, and everything is as it should be.
fn fine() -> Seen {
    Seen {
        ended: Ended::Answered(Ok(())),
        left: Left::Everything,
        commit_sent: Some(true),
        healed: Ok(()),
        found: Vec::new(),
        hooks: Some((Ok((1, 0)), vec![(1, 0)])),
        timing: None,
    }
}

fn failed() -> Ended {
    Ended::Answered(Err("refused".into()))
}

/// The goals that are violated.
fn violated(fault: Fault, promise: Promise, seen: &Seen) -> Vec<Goal> {
    let verdicts = verdicts(fault, promise, true, seen).into_iter();
    let bad = verdicts.filter(|(_, verdict)| verdict.is_err());
    bad.map(|(goal, _)| goal).collect()
}

#[test]
fn what_is_as_it_should_be_violates_nothing() {
    assert_eq!(violated(CUT, Promise::Commits, &fine()), []);
    assert_eq!(violated(LATE, Promise::Commits, &fine()), []);
    let dropped = Seen {
        ended: Ended::Dropped,
        left: Left::Nothing,
        hooks: None,
        ..fine()
    };
    assert_eq!(violated(Fault::Drop, Promise::Commits, &dropped), []);
}

#[test]
fn an_answer_that_is_not_true_is_seen() {
    let false_ok = Seen {
        left: Left::Nothing,
        ..fine()
    };
    assert_eq!(violated(CUT, Promise::Commits, &false_ok), [Goal::R5]);
    let false_error = Seen {
        ended: failed(),
        ..fine()
    };
    assert_eq!(violated(CUT, Promise::Commits, &false_error), [Goal::R5]);
    let too_sure = Seen {
        left: Left::Nothing,
        ..false_error
    };
    assert_eq!(violated(CUT, Promise::Commits, &too_sure), [Goal::R5]);
    let half = Seen {
        left: Left::Half("half".to_owned()),
        ..fine()
    };
    let both = [Goal::R4, Goal::R5];
    assert_eq!(violated(CUT, Promise::Commits, &half), both);
}

#[test]
fn a_late_message_is_no_excuse() {
    let seen = Seen {
        ended: failed(),
        left: Left::Nothing,
        commit_sent: Some(false),
        ..fine()
    };
    assert_eq!(violated(CUT, Promise::Commits, &seen), []);
    assert_eq!(violated(LATE, Promise::Commits, &seen), [Goal::R4]);
}

#[test]
fn what_is_left_behind_and_what_hangs_is_seen() {
    let poisoned = Seen {
        ended: Ended::Dropped,
        found: vec!["connection 1 of 1: it is inside a transaction".to_owned()],
        ..fine()
    };
    let both = [Goal::R3, Goal::R9];
    assert_eq!(violated(Fault::Drop, Promise::Commits, &poisoned), both);
    let weak = Seen {
        healed: Err("none".to_owned()),
        ..fine()
    };
    assert_eq!(violated(Fault::Drop, Promise::Commits, &weak), [Goal::R9]);
    let hung = Seen {
        ended: Ended::Hung,
        ..fine()
    };
    assert_eq!(violated(Fault::Drop, Promise::Commits, &hung), [Goal::R3]);
}

#[test]
fn a_call_that_is_late_is_seen() {
    let dead = Fault::BlackHole(Direction::FromServer);
    for (later, goals) in [(50, vec![]), (150, vec![Goal::R8])] {
        let seen = Seen {
            timing: Some(Timing {
                took: Duration::from_millis(300 + later),
                later: Duration::from_millis(later),
                freed: Ok(Duration::ZERO),
            }),
            ..fine()
        };
        assert_eq!(violated(dead, Promise::Commits, &seen), goals);
    }
}

#[test]
fn hooks_that_did_not_run_once_are_seen() {
    for ran in [(0, 0), (2, 0), (1, 1), (0, 1)] {
        let seen = Seen {
            hooks: Some((Ok(ran), vec![(1, 0)])),
            ..fine()
        };
        assert_eq!(violated(CUT, Promise::Commits, &seen), [Goal::R12]);
    }
}
