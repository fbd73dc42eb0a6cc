//! Where the tries of a run come together.

use crate::args::Level;
use crate::control::Control;
use crate::judge::Verdict;
use crate::selection::{MAX, Selection};
use sqlx_transactional_tests::Engine;
use sqlx_transactional_tests::campaign::{Campaign, Goal, Try};
use std::cell::{Cell, RefCell};
use std::time::{Duration, Instant};

/// How often progress is said.
const NOW_AND_THEN: Duration = Duration::from_secs(10);

/// What all sweeps of a run share.
#[derive(Debug)]
pub(crate) struct Desk {
    pub(crate) selection: Selection,
    level: Level,
    pub(crate) control: Option<Control>,
    round: Cell<u64>,
    /// What chance begins with; 0 leaves nothing to it.
    pub(crate) seed: Cell<u64>,
    campaign: RefCell<Campaign>,
    remarks: RefCell<Vec<String>>,
    number: Cell<i64>,
    began: Instant,
    said: Cell<Instant>,
}

impl Desk {
    pub(crate) fn new(selection: Selection, level: Level, control: Option<Control>) -> Self {
        let now = Instant::now();
        let campaign = if control.is_some() {
            Campaign::quiet()
        } else {
            Campaign::default()
        };
        Self {
            selection,
            level,
            control,
            round: Cell::new(0),
            seed: Cell::new(0),
            campaign: RefCell::new(campaign),
            remarks: RefCell::default(),
            number: Cell::new(0),
            began: now,
            said: Cell::new(now),
        }
    }

    /// Whether all that is costly is wanted too: a case that is named is looked
    /// for everywhere.
    pub(crate) fn is_thorough(&self) -> bool {
        self.level == Level::Full || self.selection.case.is_some()
    }

    /// Begins a round, which has a seed of its own.
    pub(crate) fn begin_round(&self, round: u64, seed: u64) {
        self.round.set(round);
        self.seed.set(seed.wrapping_add(round));
    }

    pub(crate) fn is_first_round(&self) -> bool {
        self.round.get() == 0
    }

    /// A number that no other call has.
    pub(crate) fn number(&self) -> i64 {
        self.number.set(self.number.get() + 1);
        self.number.get()
    }

    /// What chance decides of this case; 0 leaves nothing to it.
    pub(crate) fn chance(&self, case: &str) -> u64 {
        if self.seed.get() == 0 {
            return 0;
        }
        // FNV-1a: the same in every build, so that a seed repeats a case.
        let mut hash = 0xcbf2_9ce4_8422_2325_u64;
        for byte in case.bytes() {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        hash ^ self.seed.get().rotate_left(32)
    }

    /// Counts a case with the verdicts on it that are asked for.
    pub(crate) fn note(
        &self,
        engine: Engine,
        case: &str,
        took: Duration,
        verdicts: impl IntoIterator<Item = Verdict>,
    ) {
        for (goal, outcome) in verdicts {
            self.note_one(engine, case, took, goal, outcome);
        }
        self.say_progress(engine);
    }

    /// Tries the positions of the cases that begin with `stem`, until `one` has not met its
    /// fault. That there is none, or no end of them, is a violation.
    pub(crate) async fn at_each(
        &self,
        engine: Engine,
        goal: Goal,
        stem: &str,
        mut one: impl AsyncFnMut(usize, &str) -> bool,
    ) {
        let Some(positions) = self.selection.positions(&[goal], stem) else {
            return;
        };
        let mut met = 0;
        for position in positions {
            if !one(position, &format!("{stem}/{position}")).await {
                break;
            }
            met += 1;
        }
        if self.selection.is_open() && (met == 0 || met == MAX) {
            let wrong = Err(format!("{met} positions"));
            self.note_one(engine, stem, Duration::ZERO, goal, wrong);
        }
    }

    /// Counts one verdict, if it is asked for.
    pub(crate) fn note_one(
        &self,
        engine: Engine,
        case: &str,
        took: Duration,
        goal: Goal,
        outcome: Result<(), String>,
    ) {
        if !self.selection.has(goal) {
            return;
        }
        self.campaign.borrow_mut().note(Try {
            goal,
            engine: name(engine),
            case: case.to_owned(),
            seed: self.seed.get(),
            took,
            // A violation is one line.
            outcome: outcome.map_err(|problem| problem.replace('\n', " ")),
        });
    }

    /// Counts what a sweep has noted that the tests have too, as far as it is
    /// asked for, and keeps what it says of itself.
    pub(crate) fn absorb(&self, engine: Engine, other: Campaign, remark: Option<String>) {
        let mut campaign = self.campaign.borrow_mut();
        campaign.absorb(other, |goal| self.selection.has(goal));
        drop(campaign);
        if let Some(remark) = remark {
            eprintln!("faults: {remark}");
            self.remarks.borrow_mut().push(remark);
        }
        self.say_progress(engine);
    }

    /// What the sweeps said of themselves.
    pub(crate) fn remarks(&self) -> Vec<String> {
        self.remarks.borrow().clone()
    }

    /// How many cases there were.
    pub(crate) fn cases(&self) -> u64 {
        self.campaign.borrow().cases()
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    pub(crate) fn into_campaign(self) -> Campaign {
        self.campaign.into_inner()
    }

    fn say_progress(&self, engine: Engine) {
        if self.said.get().elapsed() < NOW_AND_THEN {
            return;
        }
        self.said.set(Instant::now());
        let campaign = self.campaign.borrow();
        eprintln!(
            "faults: {} cases, {} tries, {} violated, at {engine}, after {:.0} s",
            campaign.cases(),
            campaign.tried(),
            campaign.violations().len(),
            self.began.elapsed().as_secs_f64(),
        );
    }
}

/// The engine's name as a campaign keeps it.
pub(crate) fn name(engine: Engine) -> &'static str {
    match engine {
        Engine::Sqlite => "sqlite",
        Engine::Postgres => "postgres",
        Engine::MySql => "mysql",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chance_is_of_the_seed_and_the_case() {
        let desk = Desk::new(Selection::default(), Level::Quick, Some(Control::Plain));
        assert_eq!(desk.chance("a/b/c/1"), 0);
        desk.seed.set(3);
        let first = desk.chance("a/b/c/1");
        assert_eq!(first, desk.chance("a/b/c/1"));
        assert_ne!(first, desk.chance("a/b/c/2"));
        desk.seed.set(4);
        assert_ne!(first, desk.chance("a/b/c/1"));
    }

    #[test]
    fn only_what_is_asked_for_is_counted() {
        let selection = Selection {
            goals: vec![Goal::R3],
            case: None,
        };
        let desk = Desk::new(selection, Level::Quick, Some(Control::Plain));
        let verdicts = [
            (Goal::R3, Ok(())),
            (Goal::R9, Err("weak\nand more".to_owned())),
        ];
        desk.note(Engine::Sqlite, "a/b/c/1", Duration::ZERO, verdicts);
        assert_eq!(desk.cases(), 1);
        let campaign = desk.into_campaign();
        assert_eq!(campaign.tried(), 1);
        assert!(campaign.violations().is_empty());
    }
}
