//! A tree of steps: what the body of a transaction does.

use proptest::prelude::{Just, Strategy, any, prop};
use proptest::prop_oneof;
use std::fmt;

/// One step of a body.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    pub(crate) action: Action,
    /// Whether the body goes on when the step fails.
    pub(crate) swallow: bool,
}

/// What a step does.
#[derive(Debug, Clone)]
pub(crate) enum Action {
    /// Stores a note.
    Insert,
    /// Stores a note that is there already, which the engine refuses.
    Duplicate,
    /// Fails by itself, without the engine.
    Fail,
    /// Asks for a rollback.
    RollBack,
    AfterCommit,
    AfterRollback,
    Part(Part),
}

/// A transaction inside the transaction.
#[derive(Debug, Clone)]
pub(crate) struct Part {
    pub(crate) kind: Kind,
    pub(crate) body: Vec<Step>,
    /// What comes after the last step, if no step fails.
    pub(crate) leave: Leave,
}

/// How a part stands in what it is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Joined,
    Savepoint,
}

/// How a body is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Leave {
    /// It returns.
    Return,
    /// It waits, and its future is dropped.
    Dropped,
    /// It panics, and the panic is caught outside.
    Panic,
}

/// Any body.
pub(crate) fn bodies() -> impl Strategy<Value = Vec<Step>> {
    let leaf = prop_oneof![
        8 => Just(Action::Insert),
        2 => Just(Action::Duplicate),
        1 => Just(Action::Fail),
        1 => Just(Action::RollBack),
        2 => Just(Action::AfterCommit),
        2 => Just(Action::AfterRollback),
    ];
    let step = step(leaf).prop_recursive(4, 24, 5, |inner| {
        let kind = prop_oneof![1 => Just(Kind::Joined), 2 => Just(Kind::Savepoint)];
        let leave = prop_oneof![
            4 => Just(Leave::Return),
            1 => Just(Leave::Dropped),
            1 => Just(Leave::Panic),
        ];
        let body = prop::collection::vec(inner, 0..5);
        let part = (kind, body, leave).prop_map(|(kind, body, leave)| Part { kind, body, leave });
        step(part.prop_map(Action::Part))
    });
    prop::collection::vec(step, 0..6)
}

fn step(action: impl Strategy<Value = Action>) -> impl Strategy<Value = Step> {
    (action, any::<bool>()).prop_map(|(action, swallow)| Step { action, swallow })
}

/// A body in one line, a failure that is swallowed marked with `?!`.
pub(crate) struct Line<'a>(pub(crate) &'a [Step]);

impl fmt::Display for Line<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, step) in self.0.iter().enumerate() {
            if index > 0 {
                formatter.write_str(" ")?;
            }
            match &step.action {
                Action::Insert => formatter.write_str("insert")?,
                Action::Duplicate => formatter.write_str("duplicate")?,
                Action::Fail => formatter.write_str("fail")?,
                Action::RollBack => formatter.write_str("roll_back")?,
                Action::AfterCommit => formatter.write_str("after_commit")?,
                Action::AfterRollback => formatter.write_str("after_rollback")?,
                Action::Part(Part { kind, body, leave }) => {
                    let kind = match kind {
                        Kind::Joined => "joined",
                        Kind::Savepoint => "savepoint",
                    };
                    let leave = match leave {
                        Leave::Return => "",
                        Leave::Dropped => " dropped",
                        Leave::Panic => " panic",
                    };
                    write!(formatter, "{kind}({}{leave})", Line(body))?;
                }
            }
            if step.swallow {
                formatter.write_str("?!")?;
            }
        }
        Ok(())
    }
}
