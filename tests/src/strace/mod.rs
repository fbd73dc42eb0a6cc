//! `SQLite`'s system calls, failing one by one.
//!
//! A worker process stores rows and says which of its transactions succeeded.
//! `strace` lets the n-th call of one kind fail, or kills the worker there, for
//! every n that a run without a fault has. What the worker said must then be
//! what is stored.

mod run;
mod story;
mod verdict;

use crate::campaign::{Campaign, Goal, Try};
use futures_util::StreamExt;
use run::Injection;
use std::fmt;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};
use tempfile::TempDir;

pub use story::{body, fault_is_over, told, traced};

/// How many transactions the worker runs, one to see whether it healed not
/// counted.
const COUNT: i64 = 5;

/// How many workers run at once.
const AT_ONCE: usize = 2;

/// The calls that may fail; those that a machine does not have are left out.
const CALLS: [&str; 6] = [
    "pwrite64",
    "fdatasync",
    "fsync",
    "ftruncate",
    "unlink",
    "unlinkat",
];

/// How the file is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Journal {
    Wal,
    Delete,
}

impl fmt::Display for Journal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Wal => "wal",
            Self::Delete => "delete",
        })
    }
}

/// What happens at a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    Io,
    Full,
    /// Every call from here on, until the worker has said that a transaction
    /// failed: what is done about the first failure fails as well.
    Dead,
    Kill,
}

impl Fault {
    const ALL: [Self; 4] = [Self::Io, Self::Full, Self::Dead, Self::Kill];

    /// In the words of `strace`, at the `nth` call.
    fn words(self, nth: usize) -> String {
        match self {
            Self::Io => format!("error=EIO:when={nth}"),
            Self::Full => format!("error=ENOSPC:when={nth}"),
            Self::Dead => format!("error=EIO:when={nth}+"),
            Self::Kill => format!("signal=KILL:when={nth}"),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Io => "eio",
            Self::Full => "enospc",
            Self::Dead => "dead",
            Self::Kill => "kill",
        })
    }
}

/// One fault of one run.
#[derive(Debug, Clone, Copy)]
struct Case {
    journal: Journal,
    fault: Fault,
    call: &'static str,
    /// Which call of this name, from 1.
    nth: usize,
}

impl fmt::Display for Case {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            journal,
            fault,
            call,
            nth,
        } = self;
        write!(formatter, "system-calls/{journal}/{fault}/{call}/{nth}")
    }
}

/// Lets every call of the worker fail once, or each `every`th and the first and
/// last of a kind, as far as `wanted` says so of the case's text. Gives the
/// number of runs; `None` where `strace` cannot be used, which is said loudly.
///
/// # Panics
///
/// When the worker does not run without a fault.
pub async fn sweep(
    campaign: &mut Campaign,
    worker: &Path,
    every: usize,
    wanted: impl Fn(&str) -> bool,
) -> Option<usize> {
    if !run::is_usable() {
        let _ = writeln!(
            std::io::stderr(),
            "\n==== SYSTEM CALLS OF SQLITE LEFT OUT: `strace` is not here or may not trace ====\n"
        );
        return None;
    }
    let mut runs = 0;
    for journal in [Journal::Wal, Journal::Delete] {
        let template = run::template(journal).await;
        let calls = clean(worker, journal, &template).await;
        let cases = calls.iter().flat_map(|(call, number)| {
            let nths = (1..=*number).filter(move |nth| nth % every == 1 % every || nth == number);
            nths.flat_map(move |nth| {
                Fault::ALL.map(|fault| Case {
                    journal,
                    fault,
                    call,
                    nth,
                })
            })
        });
        let cases: Vec<_> = cases.filter(|case| wanted(&case.to_string())).collect();
        let tries = cases.into_iter().map(|case| one(worker, case, &template));
        let mut tries = futures_util::stream::iter(tries).buffer_unordered(AT_ONCE);
        while let Some(tries) = tries.next().await {
            runs += 1;
            for one in tries {
                campaign.note(one);
            }
        }
    }
    Some(runs)
}

/// How often each call is made when none fails.
async fn clean(worker: &Path, journal: Journal, template: &TempDir) -> Vec<(&'static str, usize)> {
    let folder = run::copy(template);
    let told = run::worker(worker, journal, &folder, None).await;
    let told = told.unwrap_or_else(|problem| panic!("without a fault: {problem}"));
    assert_eq!(told.story.failed(), 0, "without a fault: {told:?}");
    assert!(told.story.healed(), "without a fault: {told:?}");
    let calls: Vec<_> = CALLS
        .into_iter()
        .map(|call| (call, told.calls(call)))
        .collect();
    assert!(
        calls.iter().any(|(_, number)| *number > 0),
        "strace saw no call"
    );
    calls
}

/// One run with one fault, asked for each goal that it says something about.
async fn one(worker: &Path, case: Case, template: &TempDir) -> Vec<Try> {
    let began = Instant::now();
    let folder = run::copy(template);
    let injection = Injection {
        call: case.call,
        fault: case.fault,
        nth: case.nth,
    };
    let outcomes = match run::worker(worker, case.journal, &folder, Some(injection)).await {
        Ok(told) => verdict::on(&told, case.fault, &folder).await,
        Err(problem) => vec![(Goal::R8, Err(problem))],
    };
    let took = began.elapsed();
    outcomes
        .into_iter()
        .map(|(goal, outcome)| attempt(case, goal, took, outcome))
        .collect()
}

fn attempt(case: Case, goal: Goal, took: Duration, outcome: Result<(), String>) -> Try {
    Try {
        goal,
        engine: "sqlite",
        case: case.to_string(),
        seed: 0,
        took,
        outcome,
    }
}

#[cfg(test)]
mod tests;
