//! A program: a call, the body that it runs, and where it is made.

use std::fmt;

/// A call of a transactional function.
#[derive(Debug, Clone)]
pub(crate) struct Program {
    pub(crate) place: Place,
    pub(crate) call: Call,
    pub(crate) body: Vec<Step>,
    /// What comes after the last step, if no step fails.
    pub(crate) leave: Leave,
}

/// What the call is made with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Pool,
    /// A [`sqlx_transactional::Db`] with hooks of its own.
    Db,
    /// A connection of the pool's that the caller has taken.
    Pooled,
    /// The connection itself.
    Connection,
    /// A [`sqlx::Transaction`] in which the caller writes before and afterwards.
    Transaction,
    /// A [`sqlx_transactional::testing::TestTransaction`].
    Test,
}

/// The options of the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Call {
    /// How often the body may run.
    pub(crate) attempts: u32,
    pub(crate) idempotent: bool,
    pub(crate) key: bool,
    /// What the network does to the first COMMIT.
    pub(crate) lost: Option<Lost>,
}

impl Call {
    pub(crate) const PLAIN: Self = Self {
        attempts: 1,
        idempotent: false,
        key: false,
        lost: None,
    };
}

/// What does not arrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lost {
    Commit,
    /// COMMIT is done, and nobody is told.
    Answer,
}

/// One step of a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) action: Action,
    /// Whether the body goes on when the step fails.
    pub(crate) swallow: bool,
}

/// What a step does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Action {
    /// Stores a note.
    Insert,
    /// Stores a note that is there already.
    Duplicate,
    /// Sends what is no SQL.
    Broken,
    /// SQLite: a failure that ends the transaction.
    Undoing,
    /// Stores what COMMIT will refuse.
    Deferred,
    /// Fails by itself, without the engine.
    Fail,
    /// Meets another transaction in so many attempts, and then stores a note.
    Conflict(u32),
    /// Stores a note, and is dropped before the answer.
    Cut,
    /// MySQL: defines a table, which commits.
    Define,
    /// A savepoint of the user's own, of this number.
    Named(u32),
    RollBack,
    AfterCommit,
    AfterRollback,
    BeforeCommit(Vote),
    Text(Text),
    Raw(Raw),
    Part(Part),
}

/// What a hook before COMMIT does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Vote {
    Agrees,
    Refuses,
    /// Stores a note.
    Writes,
    /// Stores a note that is there already, and says so.
    Fails,
    /// The same, and says nothing.
    Swallows,
    /// Registers a hook after COMMIT, and one before it that stores a note.
    Registers,
    RollsBack,
}

/// A text of several statements, or one that looks like it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Text {
    /// One statement with a `;` in a literal.
    Literal,
    Two,
    /// The second of two fails.
    SecondFails,
    /// Only the first of two results is taken.
    LetGo,
    /// The same, and the second statement fails.
    LetGoFails,
    /// One that begins or ends a transaction, by its number in [`CONTROL`].
    Control(usize),
}

/// Texts that begin or end a transaction; `{}` stands for the INSERT of a note.
pub(crate) const CONTROL: [&str; 8] = [
    "commit",
    "rollback",
    "begin",
    "{}; commit",
    "{}; rollback; begin",
    "{}; commit; begin",
    "/* a; b */ {} ; -- then\n rollback",
    "rollback; begin; {}",
];

/// What is done with the connection itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Raw {
    Insert,
    Duplicate,
    Commit,
    Rollback,
    CommitBegin,
    RollbackBegin,
    CommitChain,
    RollbackChain,
    /// Outside a transaction it would begin one.
    Begin,
    /// A nested transaction of sqlx's in which a note is stored.
    Nested(Nested),
    /// PostgreSQL: COPY of one row that is dropped half-way.
    Copy,
}

/// How a nested transaction ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Nested {
    Commits,
    RollsBack,
    Dropped,
    /// It is never ended.
    Forgotten,
}

/// A transaction inside the transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) kind: Kind,
    pub(crate) body: Vec<Step>,
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

/// How many steps a body has, those of its parts included.
pub(crate) fn steps(body: &[Step]) -> i64 {
    let steps = body.iter().map(|step| match &step.action {
        Action::Part(part) => 1 + steps(&part.body),
        _ => 1,
    });
    steps.sum()
}

/// The number of what a step does in an attempt.
pub(crate) fn mark(attempt: u32, number: i64) -> i64 {
    i64::from(attempt) * 1_000 + number
}

/// The number of the second thing that it does.
pub(crate) fn second(mark: i64) -> i64 {
    mark + 500
}

impl fmt::Display for Program {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let call = self.call;
        write!(formatter, "on {:?}", self.place)?;
        if call.attempts > 1 {
            write!(formatter, ", {} attempts", call.attempts)?;
        }
        if call.idempotent {
            formatter.write_str(", idempotent")?;
        }
        if call.key {
            formatter.write_str(", key")?;
        }
        if let Some(lost) = call.lost {
            write!(formatter, ", {lost:?} lost")?;
        }
        formatter.write_str(" {\n")?;
        lines(formatter, &self.body, &mut 0, 1)?;
        formatter.write_str(leave(self.leave, 1).as_str())?;
        formatter.write_str("}")
    }
}

/// A line for each step, with its number; `?` behind one whose failure is
/// returned.
fn lines(
    formatter: &mut fmt::Formatter<'_>,
    body: &[Step],
    number: &mut i64,
    depth: usize,
) -> fmt::Result {
    let indent = "  ".repeat(depth);
    for Step { action, swallow } in body {
        *number += 1;
        let returns = if *swallow { "" } else { "?" };
        match action {
            Action::Part(part) => {
                writeln!(formatter, "{indent}{number}: {:?} {{", part.kind)?;
                lines(formatter, &part.body, number, depth + 1)?;
                formatter.write_str(leave(part.leave, depth + 1).as_str())?;
                writeln!(formatter, "{indent}}}{returns}")?;
            }
            Action::Text(Text::Control(index)) => {
                writeln!(
                    formatter,
                    "{indent}{number}: text {:?}{returns}",
                    CONTROL[*index]
                )?;
            }
            _ => writeln!(formatter, "{indent}{number}: {action:?}{returns}")?,
        }
    }
    Ok(())
}

fn leave(leave: Leave, depth: usize) -> String {
    let indent = "  ".repeat(depth);
    match leave {
        Leave::Return => String::new(),
        Leave::Dropped => format!("{indent}dropped\n"),
        Leave::Panic => format!("{indent}panics\n"),
    }
}
