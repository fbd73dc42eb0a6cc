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
    if rng.u8(..3) == 0 {
        call.attempts = rng.u32(2..4);
        call.idempotent = rng.bool();
    }
    call.key = rng.u8(..8) == 0;
    call
}

/// Whether a kind of step is asked for: all are, or those that `KINDS` names, with commas,
/// and what every program is made of.
fn is_on(name: &str) -> bool {
    match std::env::var("KINDS") {
        Ok(kinds) => matches!(name, "insert" | "part") || kinds.split(',').any(|kind| kind == name),
        Err(_) => true,
    }
}

/// Whether a kind of step means something there.
fn fits(name: &str, engine: Engine, place: Place, call: Call) -> bool {
    let is_own = matches!(place, Place::Connection | Place::Transaction);
    let is_inside = matches!(place, Place::Transaction | Place::Test);
    is_on(name)
        && match name {
            "undoing" => engine == Engine::Sqlite && !is_inside,
            "deferred" => engine != Engine::MySql && !is_inside,
            "define" => engine == Engine::MySql,
            // The way back to a savepoint that is gone is told to the owner.
            "forgotten" => place != Place::Transaction,
            // What cannot be taken from its owner cannot be closed.
            "copy" => engine == Engine::Postgres && !is_own,
            "cut" => engine != Engine::MySql || !is_own,
            // What nobody took is told to the owner's next statement.
            "let_go" => engine == Engine::Sqlite || !is_own,
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
