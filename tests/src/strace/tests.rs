//! That a verdict can be bad.

use super::Fault;
use super::run::{Told, template};
use super::story::Story;
use super::verdict;
use crate::campaign::Goal;
use crate::strace::Journal;

/// The goals that a run violated in which nothing is stored and this was said.
async fn violated(story: &str, injected: usize) -> Vec<Goal> {
    let told = Told::made_up(Story::read(story).unwrap(), injected);
    let folder = template(Journal::Wal).await;
    let outcomes = verdict::on(&told, Fault::Io, &folder).await;
    let bad = outcomes.into_iter().filter(|(_, outcome)| outcome.is_err());
    bad.map(|(goal, _)| goal).collect()
}

#[tokio::test]
async fn nothing_said_and_nothing_stored_is_well() {
    assert_eq!(violated("err 1 10\nhealed", 1).await, []);
}

#[tokio::test]
async fn a_lost_commit_is_seen() {
    assert_eq!(violated("hook 1\nok 1\nhealed", 1).await, [Goal::R1]);
}

#[tokio::test]
async fn a_wrong_hook_is_seen() {
    assert_eq!(violated("hook 1\nerr 1 10\nhealed", 1).await, [Goal::R12]);
    let twice = "hook 1\nhook 1\nerr 1 10\nhealed";
    assert_eq!(violated(twice, 1).await, [Goal::R12]);
}

#[tokio::test]
async fn a_pool_that_does_not_heal_is_seen() {
    assert_eq!(violated("err 1 10\nerr 2 10\nbroken", 1).await, [Goal::R9]);
}

#[tokio::test]
async fn a_fault_that_was_not_met_is_seen() {
    assert_eq!(violated("healed", 0).await, [Goal::R13]);
    assert_eq!(violated("err 1 10", 1).await, [Goal::R13, Goal::R9]);
}

#[test]
fn a_line_that_is_none_is_seen() {
    assert!(Story::read("ok 1\nok 1").is_err());
    assert!(Story::read("thread main panicked").is_err());
}
