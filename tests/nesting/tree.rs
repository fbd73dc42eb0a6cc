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
    Joined(Vec<Step>),
    Savepoint(Vec<Step>),
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
        let body = || prop::collection::vec(inner.clone(), 0..5);
        step(prop_oneof![
            body().prop_map(Action::Joined),
            body().prop_map(Action::Savepoint),
            body().prop_map(Action::Savepoint),
        ])
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
                Action::Joined(body) => write!(formatter, "joined({})", Line(body))?,
                Action::Savepoint(body) => write!(formatter, "savepoint({})", Line(body))?,
            }
            if step.swallow {
                formatter.write_str("?!")?;
            }
        }
        Ok(())
    }
}
