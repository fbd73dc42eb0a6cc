//! What must come of what is done with the connection itself.

use crate::answer::Answer;
use crate::model::Model;
use crate::program::{Nested, Place, Raw};
use sqlx_transactional_tests::Engine;

impl Model<'_> {
    /// What is done with the connection itself, if it is still given away.
    pub(crate) fn raw(&mut self, mark: i64, raw: Raw) -> Answer {
        let is_unseen = self.open.is_unseen();
        let is_known = self.open.is_doomed() || self.open.undone;
        if is_known || (is_unseen && self.choices.either()) {
            if !self.open.is_doomed() || self.choices.either() {
                self.look();
            }
            return self.statement(|_| Answer::Failed);
        }
        if self.dead {
            return self.statement(|_| Answer::Lost);
        }
        self.open.begun = true;
        self.open.raw = true;
        self.open.fresh = false;
        if self.open.ended.is_some() {
            let stays = match raw {
                Raw::Insert | Raw::Duplicate => true,
                Raw::Nested(nested) => nested != Nested::Forgotten,
                _ => false,
            };
            if !stays {
                self.loosen();
            }
            // It looks like a failure of this one, and what is left half-way cannot be asked.
            let fails = raw == Raw::Duplicate && self.engine == Engine::Postgres;
            let is_nested = matches!(raw, Raw::Nested(_)) && self.engine == Engine::Postgres;
            self.open.doubtful |= fails || is_nested || raw == Raw::Copy;
            // Also where none was open.
            if let Some(ended) = &mut self.open.ended {
                ended.begun = true;
                self.open.mistaken |= fails && !ended.committed;
            }
            let answer = self.behind_the_end(&[mark]);
            return if raw == Raw::Duplicate {
                Answer::Failed
            } else {
                answer
            };
        }
        if self.open.out_of_step {
            // What fails to begin takes all along.
            if matches!(raw, Raw::Nested(_)) && self.choices.either() {
                self.ends(false, false);
                self.open.doubtful = true;
                return Answer::Failed;
            }
            self.maybe.push(mark);
            return self.one_or_other();
        }
        if self.open.aborted && !ends(raw) {
            // sqlx takes back a nested transaction that did not begin, and the one around.
            if let Raw::Nested(_) = raw {
                self.ends(false, false);
            }
            return Answer::Failed;
        }
        if self.engine == Engine::Sqlite && matches!(raw, Raw::CommitChain | Raw::RollbackChain) {
            return Answer::Broken;
        }
        let commits = matches!(raw, Raw::Commit | Raw::CommitBegin | Raw::CommitChain);
        if commits && self.open.refused > 0 && !self.open.aborted {
            if self.engine == Engine::Postgres {
                self.ends(false, false);
            }
            return Answer::Refused;
        }
        match raw {
            Raw::Insert | Raw::Nested(Nested::Commits) => self.open.rows.push(mark),
            Raw::Duplicate => {
                self.open.aborted = self.engine == Engine::Postgres;
                return Answer::Duplicate;
            }
            Raw::Commit => self.ends(true, false),
            Raw::Rollback => self.ends(false, false),
            Raw::CommitBegin | Raw::CommitChain => self.ends(true, true),
            Raw::RollbackBegin | Raw::RollbackChain => self.ends(false, true),
            Raw::Begin => match self.engine {
                Engine::Postgres => {}
                Engine::MySql => self.ends(true, true),
                Engine::Sqlite => return Answer::Broken,
            },
            Raw::Nested(Nested::RollsBack | Nested::Dropped) => {}
            Raw::Nested(Nested::Forgotten) => {
                self.open.rows.push(mark);
                self.open.nested = true;
            }
            Raw::Copy => self.open.out_of_step = true,
        }
        Answer::Ok
    }

    fn ends(&mut self, committed: bool, begun: bool) {
        let rows = self.open.ends(committed, begun);
        self.durable.extend(rows);
    }

    /// In a transaction of somebody else's, or in none: only that it is not
    /// committed in our name can be said.
    pub(crate) fn behind_the_end(&mut self, marks: &[i64]) -> Answer {
        let is_owned = self.program.place == Place::Transaction;
        match &mut self.open.ended {
            Some(ended) if ended.is_open && !is_owned => ended.strangers.extend(marks),
            _ => self.maybe.extend(marks),
        }
        self.one_or_other()
    }

    /// The transaction of somebody else's may have ended as well.
    pub(crate) fn loosen(&mut self) {
        if let Some(ended) = &mut self.open.ended {
            self.maybe.append(&mut ended.strangers);
            ended.is_open = false;
        }
    }

    pub(crate) fn one_or_other(&mut self) -> Answer {
        if self.choices.either() {
            Answer::Failed
        } else {
            Answer::Ok
        }
    }
}

/// Whether it ends a transaction that is aborted.
fn ends(raw: Raw) -> bool {
    matches!(
        raw,
        Raw::Commit
            | Raw::Rollback
            | Raw::CommitBegin
            | Raw::RollbackBegin
            | Raw::CommitChain
            | Raw::RollbackChain
    )
}
