//! Random programs.

use crate::program::{
    Action, CONTROL, Call, Kind, Leave, Lost, Nested, Part, Place, Program, Raw, Step, Text, Vote,
};
use fastrand::Rng;
use sqlx_transactional_tests::Engine;

/// How deep parts are in one another.
const DEPTH: usize = 4;

/// How many steps a program has at most, those of its parts included.
const STEPS: usize = 16;

/// A kind of step that chance may choose.
type Grow = fn(&mut Rng) -> Action;

/// The kinds of steps: name, weight, and what it becomes.
const KINDS: [(&str, u32, Grow); 28] = [
    ("insert", 12, |_| Action::Insert),
    ("duplicate", 3, |_| Action::Duplicate),
    ("broken", 1, |_| Action::Broken),
    ("undoing", 1, |_| Action::Undoing),
    ("deferred", 1, |_| Action::Deferred),
    ("fail", 2, |_| Action::Fail),
    ("conflict", 3, |rng| Action::Conflict(rng.u32(1..4))),
    ("cut", 1, |_| Action::Cut),
    ("define", 1, |_| Action::Define),
    ("named", 1, |rng| Action::Named(rng.u32(1..4))),
    ("roll_back", 2, |_| Action::RollBack),
    ("after", 5, |rng| {
        if rng.bool() {
            Action::AfterCommit
        } else {
            Action::AfterRollback
        }
    }),
    ("vote", 3, |rng| Action::BeforeCommit(one(rng, &VOTES))),
    ("vote_rolls_back", 1, |_| {
        Action::BeforeCommit(Vote::RollsBack)
    }),
    ("text", 3, |rng| {
        Action::Text(one(rng, &[Text::Literal, Text::Two]))
    }),
    ("text_fails", 1, |_| Action::Text(Text::SecondFails)),
    ("let_go", 1, |rng| {
        Action::Text(one(rng, &[Text::LetGo, Text::LetGoFails]))
    }),
    ("control", 1, |rng| {
        Action::Text(Text::Control(rng.usize(..3)))
    }),
    ("control_behind", 1, |rng| {
        Action::Text(Text::Control(rng.usize(3..CONTROL.len())))
    }),
    ("raw", 4, |_| Action::Raw(Raw::Insert)),
    ("raw_fails", 1, |_| Action::Raw(Raw::Duplicate)),
    ("raw_ends", 1, |rng| {
        Action::Raw(one(rng, &[Raw::Commit, Raw::Rollback]))
    }),
    ("raw_begins", 1, |rng| Action::Raw(one(rng, &BEGINS))),
    ("nested", 2, |rng| {
        let ends = [Nested::Commits, Nested::RollsBack];
        Action::Raw(Raw::Nested(one(rng, &ends)))
    }),
    ("nested_dropped", 1, |_| {
        Action::Raw(Raw::Nested(Nested::Dropped))
    }),
    ("forgotten", 1, |_| {
        Action::Raw(Raw::Nested(Nested::Forgotten))
    }),
    ("copy", 1, |_| Action::Raw(Raw::Copy)),
    ("part", 9, |_| {
        Action::Part(Part {
            kind: Kind::Joined,
            body: Vec::new(),
            leave: Leave::Return,
        })
    }),
];

/// What is not done as the documentation says it.
const NOT_YET: [&str; 14] = [
    "aborted_unseen",
    "copy",
    "cut_in_test",
    "cut_lent",
    "define",
    "foreign_hook",
    "forgotten",
    "let_go",
    "lost_key",
    "marked",
    "nested_dropped_lent",
    "raw_begins",
    "raw_ends",
    "undoing_lent",
];

const VOTES: [Vote; 6] = [
    Vote::Agrees,
    Vote::Refuses,
    Vote::Writes,
    Vote::Fails,
    Vote::Swallows,
    Vote::Registers,
];

const BEGINS: [Raw; 5] = [
    Raw::CommitBegin,
    Raw::RollbackBegin,
    Raw::CommitChain,
    Raw::RollbackChain,
    Raw::Begin,
];

fn one<T: Copy>(rng: &mut Rng, all: &[T]) -> T {
    all[rng.usize(..all.len())]
}

/// A program on this engine, from a seed.
pub(crate) fn program(engine: Engine, place: Place, loses: bool, seed: u64) -> Program {
    let mut rng = Rng::with_seed(seed);
    let call = call(&mut rng, place, loses);
    // Each program has some of the kinds, so that the others meet more often.
    let mut kinds = Vec::new();
    for (name, weight, grow) in KINDS {
        let is_common = matches!(name, "insert" | "part");
        if fits(name, engine, place, call) && (is_common || rng.bool()) {
            kinds.push((name, weight, grow));
        }
    }
    if !is_on("marked") {
        // What was marked and is then ended by the engine, or cut, is told as if it
        // was ended by others.
        let raw = kinds
            .iter()
            .any(|(name, ..)| name.starts_with("raw") || name.starts_with("nested"));
        kinds.retain(|(name, ..)| !raw || !matches!(*name, "undoing" | "cut"));
    }
    let kinds = kinds
        .into_iter()
        .map(|(_, weight, grow)| (weight, grow))
        .collect();
    let mut garden = Garden {
        rng,
        kinds,
        left: STEPS,
    };
    let body = garden.body(DEPTH);
    let leave = garden.leave(8);
    Program {
        place,
        call,
        body,
        leave,
    }
}

fn call(rng: &mut Rng, place: Place, loses: bool) -> Call {
    let mut call = Call::PLAIN;
    if loses {
        call.lost = Some(one(rng, &[Lost::Commit, Lost::Answer]));
    }
    if place == Place::Transaction {
        return call;
    }
    if rng.u8(..3) == 0 && is_on("retry") {
        call.attempts = rng.u32(2..4);
        call.idempotent = rng.bool();
    }
    call.key = rng.u8(..8) == 0 && is_on(if loses { "lost_key" } else { "key" });
    if loses && !is_on("doubt") {
        call.idempotent = false;
    }
    call
}

/// Whether a kind of program is asked for: by `KINDS`, names with commas or `all`.
/// Otherwise it is, if it is not one of [`NOT_YET`].
fn is_on(name: &str) -> bool {
    match std::env::var("KINDS") {
        Ok(kinds) if kinds == "all" => true,
        Ok(kinds) => kinds.split(',').any(|kind| kind == name) || matches!(name, "insert" | "part"),
        Err(_) => !NOT_YET.contains(&name),
    }
}

/// Whether a kind of step means something there.
fn fits(name: &str, engine: Engine, place: Place, call: Call) -> bool {
    let is_own = matches!(place, Place::Connection | Place::Transaction);
    is_on(name)
        && match name {
            "undoing" => {
                let is_lent = matches!(place, Place::Connection | Place::Pooled);
                let is_root = !matches!(place, Place::Transaction | Place::Test);
                engine == Engine::Sqlite && is_root && (!is_lent || is_on("undoing_lent"))
            }
            "deferred" => {
                engine != Engine::MySql && !matches!(place, Place::Transaction | Place::Test)
            }
            "after" | "vote" | "vote_rolls_back" => {
                place != Place::Transaction || is_on("foreign_hook")
            }
            // Is told to be what failed, and repeated.
            "roll_back" => call.attempts == 1 || is_on("overcome"),
            "text_fails" | "raw_fails" => engine != Engine::Postgres || is_on("aborted_unseen"),
            "define" => engine == Engine::MySql,
            "copy" => engine == Engine::Postgres && !is_own,
            // sqlx counts late, and a drop cannot wait for that.
            "nested_dropped" => {
                let is_lent = is_own || place == Place::Pooled;
                engine != Engine::Sqlite || !is_lent || is_on("nested_dropped_lent")
            }
            // What cannot be taken from its owner cannot be closed.
            "cut" if place == Place::Test => is_on("cut_in_test"),
            "cut" => !is_own || (engine != Engine::MySql && is_on("cut_lent")),
            "let_go" => engine != Engine::MySql || !is_own,
            // Those are other COMMITs.
            "raw_ends" | "raw_begins" => call.lost.is_none(),
            _ => true,
        }
}

struct Garden {
    rng: Rng,
    kinds: Vec<(u32, Grow)>,
    left: usize,
}

impl Garden {
    fn body(&mut self, depth: usize) -> Vec<Step> {
        let steps = self.rng.usize(..7);
        let mut body = Vec::new();
        for _ in 0..steps {
            if self.left == 0 {
                break;
            }
            self.left -= 1;
            body.push(self.step(depth));
        }
        body
    }

    fn step(&mut self, depth: usize) -> Step {
        let action = match self.action() {
            Action::Part(_) if depth == 0 => Action::Insert,
            Action::Part(_) => Action::Part(self.part(depth - 1)),
            action => action,
        };
        Step {
            action,
            swallow: self.rng.bool(),
        }
    }

    fn action(&mut self) -> Action {
        let whole: u32 = self.kinds.iter().map(|(weight, _)| weight).sum();
        let mut chosen = self.rng.u32(..whole);
        for (weight, grow) in &self.kinds {
            if chosen < *weight {
                return grow(&mut self.rng);
            }
            chosen -= weight;
        }
        Action::Insert
    }

    fn part(&mut self, depth: usize) -> Part {
        let kind = if self.rng.u8(..3) == 0 {
            Kind::Joined
        } else {
            Kind::Savepoint
        };
        Part {
            kind,
            body: self.body(depth),
            leave: self.leave(4),
        }
    }

    /// Returns, except once in so many.
    fn leave(&mut self, times: u8) -> Leave {
        match self.rng.u8(..times) {
            0 if self.rng.bool() => Leave::Dropped,
            0 => Leave::Panic,
            _ => Leave::Return,
        }
    }
}
