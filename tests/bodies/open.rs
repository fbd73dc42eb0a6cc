//! The transaction of one attempt, in the model.

use crate::answer::Answer;
use crate::program::{Place, Program, Vote};
use crate::walk::BEFORE;

/// When a hook runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum When {
    Committed,
    RolledBack,
}

/// What a rollback to a savepoint forgives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Reach {
    /// Whatever was done inside it.
    Scope,
    Whole,
}

/// Why the transaction cannot commit.
#[derive(Debug, Clone)]
pub(crate) struct Doom {
    pub(crate) reach: Reach,
    /// What a body is told that claims success all the same.
    pub(crate) told: Answer,
}

impl Doom {
    pub(crate) fn new(reach: Reach, told: Answer) -> Self {
        Self { reach, told }
    }
}

/// Whether an attempt is done again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Repeat {
    #[default]
    No,
    /// It failed at what goes away in a part that was undone, and nobody can tell
    /// whether that is what its error is about.
    Maybe,
    Yes,
}

/// Somebody else has ended the transaction.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ended {
    pub(crate) committed: bool,
    /// Whether another one was begun.
    pub(crate) begun: bool,
    /// Whether that is still open, and what was done in it.
    pub(crate) is_open: bool,
    pub(crate) strangers: Vec<i64>,
}

#[derive(Debug, Clone, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a fact of its own, and any of them may hold together"
)]
pub(crate) struct Open {
    pub(crate) attempt: u32,
    /// Whether anything was sent.
    pub(crate) begun: bool,
    pub(crate) rows: Vec<i64>,
    /// What the owner of the transaction has done in it.
    pub(crate) owner: Vec<i64>,
    pub(crate) hooks: Vec<(When, i64)>,
    /// Those that a vote has registered store a note.
    pub(crate) votes: Vec<(i64, Option<Vote>)>,
    pub(crate) doom: Option<Doom>,
    /// Whether a rollback was asked for, in the innermost scope.
    pub(crate) roll_back: bool,
    /// How many rows COMMIT will refuse.
    pub(crate) refused: usize,
    /// Whether it failed at what goes away.
    pub(crate) conflict: Repeat,
    /// Whether the connection was given away.
    pub(crate) raw: bool,
    /// Whether nobody can look any more at what became of it.
    pub(crate) doubtful: bool,
    /// Whether another's failure was taken for its own.
    pub(crate) mistaken: bool,
    /// Whether what nobody saw has failed, which aborts it.
    pub(crate) aborted: bool,
    /// Whether what nobody saw has left a nested transaction open.
    pub(crate) nested: bool,
    /// Whether the engine has ended it by itself, which is asked later.
    pub(crate) undone: bool,
    /// Whether the innermost savepoint is not set yet.
    pub(crate) fresh: bool,
    /// Whether something is asked or undone before the next statement.
    pub(crate) owed: bool,
    /// Whether the last statement was dropped, which is noticed later.
    pub(crate) cut: bool,
    /// Whether answers may be somebody else's.
    pub(crate) out_of_step: bool,
    pub(crate) ended: Option<Ended>,
}

impl Open {
    pub(crate) fn new(attempt: u32, program: &Program) -> Self {
        let is_inside = program.place == Place::Transaction;
        Self {
            attempt,
            begun: program.call.key,
            owner: if is_inside { vec![BEFORE] } else { Vec::new() },
            ..Self::default()
        }
    }

    pub(crate) fn is_doomed(&self) -> bool {
        self.doom.is_some()
    }

    /// The first cause stays the cause; the damage only grows.
    pub(crate) fn doom(&mut self, new: Doom) {
        match &mut self.doom {
            Some(doom) => doom.reach = doom.reach.max(new.reach),
            None => self.doom = Some(new),
        }
    }

    /// Whether something is left that nobody knows.
    pub(crate) fn is_unseen(&self) -> bool {
        self.ended.is_some() || self.aborted || self.undone || self.nested || self.out_of_step
    }

    /// Whether nobody can tell that it is this transaction that is rolled back.
    pub(crate) fn is_unproven(&self) -> bool {
        self.doubtful || self.aborted || self.out_of_step
    }

    /// Somebody else ends the transaction.
    pub(crate) fn ends(&mut self, committed: bool, begun: bool) -> Vec<i64> {
        let mut rows = std::mem::take(&mut self.rows);
        rows.append(&mut self.owner);
        let committed = committed && !self.aborted;
        self.ended = Some(Ended {
            committed,
            begun,
            is_open: begun,
            strangers: Vec::new(),
        });
        self.aborted = false;
        self.nested = false;
        if committed { rows } else { Vec::new() }
    }
}
