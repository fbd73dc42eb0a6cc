//! What a fault sweep has tried, and what held.
//!
//! A sweep makes one [`Try`] for each thing it does to a call and hands it to a
//! [`Campaign`], which counts by [`Goal`] and engine and says each violation at
//! once, in one line, with the command that repeats it.

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::time::Duration;

/// What is asked of a call that meets a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Goal {
    /// An acknowledged commit is never lost.
    R1,
    /// What failed before COMMIT is never applied.
    R2,
    /// Dropping the future anywhere leaves nothing behind.
    R3,
    /// A network fault at any message does no harm.
    R4,
    /// The outcome is typed: committed, not committed, unknown.
    R5,
    /// Exactly once with an idempotency key.
    R6,
    /// `Ok` means durable.
    R7,
    /// Nothing hangs.
    R8,
    /// The pool heals.
    R9,
    /// Isolation as promised.
    R10,
    /// Retried only when that is safe.
    R11,
    /// Hooks run once if and only if the transaction committed.
    R12,
    /// SQLite's n-th system call fails.
    R13,
    /// No stranger's session is ended.
    R18,
    /// The pool's bound holds on the server.
    R19,
    /// Nothing that goes on without its caller is lost when a process ends in order.
    R20,
    /// All of it behind a pooler in transaction mode.
    R21,
    /// The outcome of a call is that of all its attempts.
    R22,
}

impl Goal {
    /// All of them.
    pub const ALL: [Self; 18] = [
        Self::R1,
        Self::R2,
        Self::R3,
        Self::R4,
        Self::R5,
        Self::R6,
        Self::R7,
        Self::R8,
        Self::R9,
        Self::R10,
        Self::R11,
        Self::R12,
        Self::R13,
        Self::R18,
        Self::R19,
        Self::R20,
        Self::R21,
        Self::R22,
    ];

    /// What is promised, in a few words.
    #[must_use]
    pub const fn promise(self) -> &'static str {
        match self {
            Self::R1 => "an acknowledged commit is never lost",
            Self::R2 => "what failed before COMMIT is never applied",
            Self::R3 => "a future dropped anywhere leaves nothing behind",
            Self::R4 => "a network fault at any message does no harm",
            Self::R5 => "the outcome is typed",
            Self::R6 => "exactly once with a key",
            Self::R7 => "`Ok` means durable",
            Self::R8 => "nothing hangs",
            Self::R9 => "the pool heals",
            Self::R10 => "isolation as promised",
            Self::R11 => "retried only when that is safe",
            Self::R12 => "hooks run once if and only if committed",
            Self::R13 => "SQLite's n-th system call fails",
            Self::R18 => "no stranger's session is ended",
            Self::R19 => "the pool's bound holds on the server",
            Self::R20 => "an orderly shutdown loses nothing",
            Self::R21 => "all holds behind a pooler",
            Self::R22 => "the outcome is that of all attempts",
        }
    }
}

impl fmt::Display for Goal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, formatter)
    }
}

/// One fault that one call met.
#[derive(Debug, Clone)]
pub struct Try {
    /// What was asked.
    pub goal: Goal,
    /// `sqlite`, `postgres` or `mysql`.
    pub engine: &'static str,
    /// Which sweep, which form, which fault, which position: words without
    /// spaces, joined by `/`. The same text repeats the case.
    pub case: String,
    /// What chance decided.
    pub seed: u64,
    /// How long the call took, from its first poll to its answer.
    pub took: Duration,
    /// `Err` says in one line what was violated.
    pub outcome: Result<(), String>,
}

/// What was tried for one goal on one engine.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// How many tries.
    pub tried: u64,
    /// Of these, how many held.
    pub held: u64,
    /// The slowest call.
    pub slowest: Duration,
}

impl Tally {
    /// How many cases did not hold.
    #[must_use]
    pub const fn violated(self) -> u64 {
        self.tried - self.held
    }
}

/// Everything that was tried so far.
#[derive(Debug, Default)]
pub struct Campaign {
    tallies: BTreeMap<(Goal, &'static str), Tally>,
    violations: Vec<Try>,
    /// Engine, seed and text of each case.
    cases: HashSet<(&'static str, u64, String)>,
    quiet: bool,
}

impl Campaign {
    /// One that counts violations and says none of them: for a control, in which
    /// they are what is looked for.
    #[must_use]
    pub fn quiet() -> Self {
        Self {
            quiet: true,
            ..Self::default()
        }
    }

    /// Counts a try; says a violation at once.
    pub fn note(&mut self, one: Try) {
        let tally = self.tallies.entry((one.goal, one.engine)).or_default();
        tally.tried += 1;
        tally.slowest = tally.slowest.max(one.took);
        self.cases.insert((one.engine, one.seed, one.case.clone()));
        match &one.outcome {
            Ok(()) => tally.held += 1,
            Err(problem) => {
                if !self.quiet {
                    eprintln!("{}", one.line(problem));
                }
                self.violations.push(one);
            }
        }
    }

    /// Counts what `other` has, of the goals that are wanted. Its violations have
    /// been said.
    pub fn absorb(&mut self, other: Self, wanted: impl Fn(Goal) -> bool) {
        let mut any = false;
        for ((goal, engine), more) in other.tallies {
            if !wanted(goal) {
                continue;
            }
            any = true;
            let tally = self.tallies.entry((goal, engine)).or_default();
            tally.tried += more.tried;
            tally.held += more.held;
            tally.slowest = tally.slowest.max(more.slowest);
        }
        if any {
            self.cases.extend(other.cases);
        }
        let violations = other.violations.into_iter();
        self.violations
            .extend(violations.filter(|one| wanted(one.goal)));
    }

    /// The tallies by goal and engine.
    #[must_use]
    pub fn tallies(&self) -> &BTreeMap<(Goal, &'static str), Tally> {
        &self.tallies
    }

    /// The tries that did not hold.
    #[must_use]
    pub fn violations(&self) -> &[Try] {
        &self.violations
    }

    /// How many cases, each of which may have been asked for several goals. The
    /// same with another seed is another one.
    #[must_use]
    pub fn cases(&self) -> u64 {
        self.cases.len() as u64
    }

    /// How many tries in all.
    #[must_use]
    pub fn tried(&self) -> u64 {
        self.tallies.values().map(|tally| tally.tried).sum()
    }
}

impl Try {
    fn line(&self, problem: &str) -> String {
        format!(
            "VIOLATED {} on {}: {}: {problem}; repeat: {}",
            self.goal,
            self.engine,
            self.case,
            self.command()
        )
    }

    /// The command that repeats it.
    #[must_use]
    pub fn command(&self) -> String {
        format!(
            "cargo xtask faults -- --engine {} --case {} --seed {}",
            self.engine, self.case, self.seed
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(outcome: Result<(), String>, milliseconds: u64) -> Try {
        Try {
            goal: Goal::R3,
            engine: "postgres",
            case: "block/hold/client/3".to_owned(),
            seed: 7,
            took: Duration::from_millis(milliseconds),
            outcome,
        }
    }

    #[test]
    fn what_held_and_what_did_not_is_counted() {
        let mut campaign = Campaign::quiet();
        campaign.note(one(Ok(()), 5));
        campaign.note(one(Err("half of it".to_owned()), 3));
        let tally = campaign.tallies()[&(Goal::R3, "postgres")];
        assert_eq!((tally.tried, tally.held, tally.violated()), (2, 1, 1));
        assert_eq!(tally.slowest, Duration::from_millis(5));
        assert_eq!((campaign.tried(), campaign.violations().len()), (2, 1));
    }

    #[test]
    fn another_campaign_is_counted_as_far_as_it_is_wanted() {
        let mut other = Campaign::quiet();
        other.note(one(Ok(()), 5));
        other.note(Try {
            goal: Goal::R9,
            ..one(Err("weak".to_owned()), 9)
        });
        let mut campaign = Campaign::quiet();
        campaign.note(one(Err("half of it".to_owned()), 3));
        campaign.absorb(other, |goal| goal == Goal::R3);
        let tally = campaign.tallies()[&(Goal::R3, "postgres")];
        assert_eq!((tally.tried, tally.held), (2, 1));
        assert_eq!(tally.slowest, Duration::from_millis(5));
        assert_eq!(campaign.tallies().len(), 1);
        assert_eq!((campaign.cases(), campaign.violations().len()), (1, 1));
    }

    #[test]
    fn a_violation_is_one_line_that_says_how_to_repeat_it() {
        assert_eq!(
            one(Ok(()), 0).line("half of it"),
            "VIOLATED R3 on postgres: block/hold/client/3: half of it; repeat: cargo xtask \
             faults -- --engine postgres --case block/hold/client/3 --seed 7"
        );
    }
}
