//! What must come of a tree, as the documentation of the crate says it.

use super::tree::{Action, Kind, Leave, Part, Step};
use sqlx_transactional_tests::Engine;

/// What came of a tree.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// What the caller gets.
    pub(crate) answer: Answer,
    /// The numbers of the notes that are stored.
    pub(crate) stored: Vec<i64>,
    /// The numbers of the hooks that ran, in their order.
    pub(crate) hooks: Vec<i64>,
}

/// What a body, or a part of it, returns.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Answer {
    #[default]
    Ok,
    /// The error of a body's own.
    Own,
    /// The engine's: the note is there already.
    Duplicate,
    /// An earlier failure was swallowed.
    Doomed,
    /// Something that no tree may give.
    Other,
}

impl Answer {
    fn is_ok(self) -> bool {
        self == Self::Ok
    }
}

/// When a hook runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum When {
    Committed,
    RolledBack,
}

/// The transaction, as far as it came.
#[derive(Debug)]
struct Model {
    engine: Engine,
    /// The number of the last step, each before its own parts.
    number: i64,
    stored: Vec<i64>,
    hooks: Vec<(When, i64)>,
    /// Whether a failure forbids to go on, up to the next savepoint.
    doomed: bool,
    /// Whether a rollback was asked for, in the innermost scope.
    roll_back: bool,
}

/// What must come of this body.
pub(crate) fn outcome(engine: Engine, body: &[Step]) -> Outcome {
    let mut model = Model {
        engine,
        number: 0,
        stored: Vec::new(),
        hooks: Vec::new(),
        doomed: false,
        roll_back: false,
    };
    let returned = model.body(body);
    let answer = model.end(returned);
    let commits = answer.is_ok() && !model.roll_back;
    let when = if commits {
        When::Committed
    } else {
        When::RolledBack
    };
    let hooks = model.hooks.iter().filter(|(waits, _)| *waits == when);
    Outcome {
        answer,
        hooks: hooks.map(|(_, number)| *number).collect(),
        stored: if commits { model.stored } else { Vec::new() },
    }
}

/// How many steps a body has, those of its parts included.
pub(crate) fn steps(body: &[Step]) -> i64 {
    let steps = body.iter().map(|step| match &step.action {
        Action::Part(part) => 1 + steps(&part.body),
        _ => 1,
    });
    steps.sum()
}

impl Model {
    fn body(&mut self, body: &[Step]) -> Answer {
        let first = self.number;
        for step in body {
            let answer = self.step(step);
            if !answer.is_ok() && !step.swallow {
                // What is left is skipped, and keeps its numbers.
                self.number = first + steps(body);
                return answer;
            }
        }
        Answer::Ok
    }

    /// What is made of what a scope's body returned: `Ok` may not be kept.
    fn end(&self, returned: Answer) -> Answer {
        if returned.is_ok() && self.doomed && !self.roll_back {
            Answer::Doomed
        } else {
            returned
        }
    }

    fn step(&mut self, step: &Step) -> Answer {
        self.number += 1;
        let number = self.number;
        match &step.action {
            Action::Insert | Action::Duplicate if self.doomed => return Answer::Doomed,
            Action::Insert => self.stored.push(number),
            Action::Duplicate => {
                // The others undo the statement and nothing else.
                self.doomed = self.engine == Engine::Postgres;
                return Answer::Duplicate;
            }
            Action::Fail => return Answer::Own,
            Action::RollBack => self.roll_back = true,
            Action::AfterCommit => self.hooks.push((When::Committed, number)),
            Action::AfterRollback => self.hooks.push((When::RolledBack, number)),
            Action::Part(part) if part.kind == Kind::Joined => return self.joined(part),
            Action::Part(part) => return self.savepoint(part),
        }
        Answer::Ok
    }

    /// What a joined part does not finish, nobody can.
    fn joined(&mut self, part: &Part) -> Answer {
        let answer = self.body(&part.body);
        self.doomed |= !answer.is_ok() || part.leave != Leave::Return;
        answer
    }

    fn savepoint(&mut self, part: &Part) -> Answer {
        let (stored, hooks) = (self.stored.len(), self.hooks.len());
        let outside = (self.doomed, self.roll_back);
        self.roll_back = false;
        let returned = self.body(&part.body);
        // A body that did not return has no `Ok` that could not be kept.
        let is_left = returned.is_ok() && part.leave != Leave::Return;
        let answer = if is_left {
            returned
        } else {
            self.end(returned)
        };
        if is_left || !answer.is_ok() || self.roll_back {
            self.stored.truncate(stored);
            self.hooks.truncate(hooks);
            self.doomed = outside.0;
        }
        self.roll_back = outside.1;
        answer
    }
}
