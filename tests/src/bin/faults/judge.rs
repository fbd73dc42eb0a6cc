//! What was promised of a call, held against what was seen of it.

use crate::black_hole::Timing;
use crate::fault::{Ended, Fault};
use crate::subject::{End, Left, Panicked, Promise, Ran};
use sqlx_transactional_tests::campaign::Goal;
use std::error::Error;

/// Everything that was seen of one call.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) ended: Ended,
    pub(crate) left: Left,
    /// Whether COMMIT had crossed the wire when the call ended; `None` where
    /// there is no wire to look at.
    pub(crate) commit_sent: Option<bool>,
    /// How long the pool took to hand out all its connections, or that it did
    /// not within the time it has.
    pub(crate) healed: Result<(), String>,
    /// What is left behind, on the server and in the pool.
    pub(crate) found: Vec<String>,
    /// Which hooks ran, and which should have, any of these; `None` if there
    /// were none.
    pub(crate) hooks: Option<(Result<Ran, String>, Vec<Ran>)>,
    /// How long it took, of a call with a deadline.
    pub(crate) timing: Option<Timing>,
}

/// What was found out for one goal.
pub(crate) type Verdict = (Goal, Result<(), String>);

/// Whether an error leaves open what happened.
pub(crate) fn is_unknown(error: &(dyn Error + Send + Sync + 'static)) -> bool {
    sqlx_transactional::Error::find(error)
        .is_some_and(sqlx_transactional::Error::is_outcome_unknown)
}

/// The ends that a call may have had, as its caller and the observer see it.
pub(crate) fn ends(promise: Promise, ended: &Ended, left: &Left) -> Vec<End> {
    match (ended, left) {
        (Ended::Answered(Err(error)), _) if is_unknown(&**error) => vec![End::Unknown],
        (Ended::Answered(Err(_)), _) => vec![End::RolledBack],
        (Ended::Answered(Ok(())), _) if promise == Promise::RollsBack => vec![End::RolledBack],
        (Ended::Answered(Ok(())), _) | (_, Left::Everything) => vec![End::Committed],
        // Nobody sees how a reader ended that was dropped.
        _ if promise == Promise::Reads => vec![End::RolledBack, End::Committed],
        _ => vec![End::RolledBack],
    }
}

/// The verdicts for each goal of the fault, in its order. `met` is whether the
/// call has met it.
pub(crate) fn verdicts(fault: Fault, promise: Promise, met: bool, seen: &Seen) -> Vec<Verdict> {
    let judge = |goal: &Goal| {
        let verdict = match goal {
            Goal::R5 => outcome(promise, seen),
            Goal::R8 => on_time(seen)?,
            Goal::R9 => heals(seen),
            Goal::R12 => hooks(seen)?,
            _ => harm(fault, promise, met, seen),
        };
        Some((*goal, verdict))
    };
    fault.goals().iter().filter_map(judge).collect()
}

/// R3 and R4: all or nothing, and nothing left behind.
fn harm(fault: Fault, promise: Promise, met: bool, seen: &Seen) -> Result<(), String> {
    if matches!(seen.ended, Ended::Hung) {
        return Err("it hangs".to_owned());
    }
    if let Ended::Answered(Err(error)) = &seen.ended
        && error.is::<Panicked>()
    {
        return Err(error.to_string());
    }
    if let Left::Half(what) = &seen.left {
        return Err(what.clone());
    }
    if promise != Promise::Commits && seen.left == Left::Everything {
        return Err("it stores nothing, and something is stored".to_owned());
    }
    if !seen.found.is_empty() {
        return Err(format!("left behind: {}", seen.found.join(", ")));
    }
    if met && !fault.is_harmless() {
        return Ok(());
    }
    let Ended::Answered(answer) = &seen.ended else {
        return Err(format!("nobody dropped it: {:?}", seen.ended));
    };
    match (answer, promise) {
        (Ok(()), Promise::Commits) if seen.left == Left::Everything => Ok(()),
        (Ok(()), Promise::RollsBack | Promise::Reads) | (Err(_), Promise::Fails) => Ok(()),
        _ => Err(format!(
            "nothing was in its way, its answer is {answer:?}, stored is {:?}",
            seen.left
        )),
    }
}

/// R5: what the caller is told is true, and as exact as can be.
fn outcome(promise: Promise, seen: &Seen) -> Result<(), String> {
    let Ended::Answered(answer) = &seen.ended else {
        return Err("there is no answer".to_owned());
    };
    let left = &seen.left;
    match answer {
        Ok(()) => match promise {
            Promise::Commits if *left == Left::Everything => Ok(()),
            Promise::RollsBack if *left == Left::Nothing => Ok(()),
            Promise::Reads => Ok(()),
            _ => Err(format!("the caller was told Ok, stored is {left:?}")),
        },
        Err(error) if is_unknown(&**error) => match seen.commit_sent {
            Some(true) if matches!(promise, Promise::Commits | Promise::Reads) => Ok(()),
            _ => Err(format!("COMMIT was not sent, the caller was told {error}")),
        },
        // Whatever the observer sees, the caller cannot know it.
        Err(error) if seen.commit_sent == Some(true) => Err(format!(
            "COMMIT was sent and not answered, stored is {left:?}, the caller was told {error}"
        )),
        Err(_) if *left == Left::Nothing => Ok(()),
        Err(error) => Err(format!("stored is {left:?}, the caller was told {error}")),
    }
}

/// R8: it ends at its deadline, and so does what it began.
fn on_time(seen: &Seen) -> Option<Result<(), String>> {
    let timing = seen.timing.as_ref()?;
    Some(match seen.ended {
        Ended::Hung => Err("it hangs".to_owned()),
        _ => timing.verdict(),
    })
}

/// R9: the pool is as strong as before, at once.
fn heals(seen: &Seen) -> Result<(), String> {
    seen.healed.clone()?;
    let mut weak = seen.found.iter();
    match weak.find(|found| found.starts_with("connection ") || found.starts_with("the pool ")) {
        Some(found) => Err(found.clone()),
        None => Ok(()),
    }
}

/// R12: those of the end, once, and no others.
fn hooks(seen: &Seen) -> Option<Result<(), String>> {
    let (ran, wanted) = seen.hooks.as_ref()?;
    Some(match ran {
        Ok(ran) if wanted.contains(ran) => Ok(()),
        Ok(ran) => Err(format!(
            "hooks ran {ran:?} times after a commit and a rollback, not {wanted:?}"
        )),
        Err(problem) => Err(problem.clone()),
    })
}

#[cfg(test)]
mod tests;
