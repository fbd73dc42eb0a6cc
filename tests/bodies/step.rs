//! What must come of each step.

use crate::answer::Answer;
use crate::model::Model;
use crate::open::{Doom, Reach, Repeat, When};
use crate::program::{Action, Kind, Place, Step, Text, Vote, mark, second, steps};
use sqlx_transactional_tests::Engine;

impl Model<'_> {
    pub(crate) fn body(&mut self, body: &[Step]) -> Answer {
        self.steps(0, body)
    }

    /// Does steps, the first of which has the number after `number`.
    pub(crate) fn steps(&mut self, mut number: i64, body: &[Step]) -> Answer {
        for step in body {
            let answer = self.step(number + 1, step);
            let mark = mark(self.open.attempt, number + 1);
            self.told.push((mark, answer.clone()));
            if !answer.is_ok() && !step.swallow {
                return answer;
            }
            number += steps(std::slice::from_ref(step));
        }
        Answer::Ok
    }

    fn step(&mut self, number: i64, step: &Step) -> Answer {
        let mark = mark(self.open.attempt, number);
        self.mark = mark;
        match &step.action {
            Action::Duplicate => self.duplicate(),
            Action::Broken => {
                let answer = self.fails(Answer::Broken);
                self.unread();
                answer
            }
            Action::Undoing => {
                let answer = self.fails(Answer::Duplicate);
                self.open.undone |= answer == Answer::Duplicate;
                // It has undone the mark as well.
                if self.open.undone && self.open.raw && self.choices.either() {
                    self.open.undone = false;
                    self.open.ends(false, false);
                }
                answer
            }
            Action::Deferred => self.deferred(),
            Action::Fail => Answer::Own,
            Action::Conflict(attempts) if self.open.attempt <= *attempts => self.conflict(mark),
            Action::Insert | Action::Conflict(_) => self.insert(mark),
            Action::Cut => {
                let answer = self.cut(mark);
                // Nobody can be asked any more.
                let is_lost = self.open.raw || self.open.ended.is_some();
                self.open.doubtful |= answer == Answer::Cut && is_lost;
                answer
            }
            Action::Define => self.define(),
            Action::Named(_) => self.statement(|_| Answer::Ok),
            Action::RollBack => {
                self.open.roll_back = true;
                Answer::Ok
            }
            Action::AfterCommit => self.hook(When::Committed, mark),
            Action::AfterRollback => self.hook(When::RolledBack, mark),
            Action::BeforeCommit(vote) => self.before_commit(mark, *vote),
            Action::Text(text) => self.text(mark, *text),
            Action::Raw(raw) => self.raw(mark, *raw),
            Action::Part(part) if part.kind == Kind::Joined => self.joined(number, part),
            Action::Part(part) => self.savepoint(number, part),
        }
    }

    /// A statement of the handle's: not sent where the transaction is doomed or
    /// has gone.
    pub(crate) fn statement(&mut self, sent: impl FnOnce(&mut Self) -> Answer) -> Answer {
        self.open.cut = false;
        if let Some(answer) = self.among_strangers() {
            return answer;
        }
        // The nested transaction may be noticed here already.
        let asks = self.open.is_unseen() && !self.open.is_doomed();
        if asks && (!self.open.nested || self.choices.either()) {
            self.look();
        }
        if let Some(doom) = &self.open.doom {
            return match &doom.told {
                Answer::EndedEarly if self.open.doubtful => Answer::Failed,
                Answer::EndedEarly => Answer::EndedEarly,
                Answer::Failed => Answer::Failed,
                Answer::Unsupported if self.open.nested || self.open.ended.is_some() => {
                    Answer::Failed
                }
                Answer::Unsupported => Answer::Unsupported,
                _ if self.open.undone => Answer::Doomed,
                _ if self.open.is_unseen() => Answer::Failed,
                _ => Answer::Doomed,
            };
        }
        if self.dead {
            self.open.doom(Doom::new(Reach::Whole, Answer::Doomed));
            self.open.conflict = Repeat::Yes;
            return Answer::Lost;
        }
        self.open.begun = true;
        let answer = sent(self);
        self.open.fresh = false;
        self.open.owed = false;
        if answer.is_ok() {
            // What failed before was overcome.
            self.open.conflict = Repeat::No;
        }
        answer
    }

    /// On MySQL and SQLite only the end tells another transaction from this one.
    fn among_strangers(&mut self) -> Option<Answer> {
        let is_told = self.engine == Engine::Postgres || self.open.is_doomed();
        let begun = self.open.ended.as_ref().is_some_and(|ended| ended.begun);
        if is_told || !begun || self.choices.either() {
            return None;
        }
        Some(self.behind_the_end(&[self.mark, second(self.mark)]))
    }

    pub(crate) fn insert(&mut self, mark: i64) -> Answer {
        self.statement(|model| {
            model.open.rows.push(mark);
            Answer::Ok
        })
    }

    pub(crate) fn duplicate(&mut self) -> Answer {
        self.fails(Answer::Duplicate)
    }

    /// PostgreSQL then does nothing but go back; the others undo the statement
    /// and nothing else.
    fn fails(&mut self, answer: Answer) -> Answer {
        let answer = self.statement(|model| {
            if model.engine == Engine::Postgres {
                model.open.doom(Doom::new(Reach::Scope, Answer::Doomed));
            }
            model.open.conflict = Repeat::No;
            answer
        });
        self.open.owed = true;
        answer
    }

    /// A text of MySQL's that may commit, as far as its words tell.
    fn unread(&mut self) {
        if self.engine == Engine::MySql && !self.open.is_doomed() {
            self.open.raw = true;
        }
    }

    fn deferred(&mut self) -> Answer {
        self.statement(|model| {
            model.open.refused += 1;
            Answer::Ok
        })
    }

    fn conflict(&mut self, mark: i64) -> Answer {
        // Who writes stands in the way of the other.
        let begun = self.open.begun || self.program.place == Place::Transaction;
        if self.engine == Engine::Sqlite && begun {
            return self.insert(mark);
        }
        let begun = self.open.begun;
        let engine = self.engine;
        let answer = self.statement(|model| {
            let reach = match engine {
                Engine::Postgres => Reach::Scope,
                _ => Reach::Whole,
            };
            model.open.doom(Doom::new(reach, Answer::Doomed));
            model.open.conflict = Repeat::Yes;
            Answer::Conflict
        });
        if engine == Engine::Sqlite {
            // BEGIN may have been answered before.
            self.open.begun = begun || self.choices.either();
        }
        // It has undone the mark as well.
        self.open.doubtful |= engine == Engine::MySql && self.open.raw;
        self.unread();
        answer
    }

    /// Nobody knows whether it runs, unless it was there at once.
    fn cut(&mut self, mark: i64) -> Answer {
        if self.among_strangers().is_some() {
            return Answer::Cut;
        }
        let begun = self.open.begun;
        let is_asked = self.open.is_unseen() && !self.open.is_doomed();
        let is_undone = self.open.owed && self.open.is_doomed();
        if (is_asked || is_undone) && self.choices.either() {
            // What comes first was cut.
            self.open.cut = !self.open.is_doomed();
            self.look();
            if self.choices.either() {
                self.open.doom(Doom::new(Reach::Whole, Answer::Doomed));
            }
            return Answer::Cut;
        }
        let answer = self.statement(|model| {
            if model.choices.either() {
                model.open.rows.push(mark);
                return Answer::Ok;
            }
            let reach = match model.engine {
                Engine::MySql => Reach::Whole,
                _ => model.any_reach(begun),
            };
            model.open.cut = !model.open.is_doomed();
            model.open.doom(Doom::new(reach, Answer::Doomed));
            Answer::Cut
        });
        if answer == Answer::Cut {
            // BEGIN may have been answered before.
            self.open.begun = begun || self.choices.either();
            // A BEGIN that was cut off cannot be undone from outside.
            self.torn |= !begun && self.program.place == Place::Connection;
        }
        answer
    }

    /// What is asked or set before a statement is not undone by itself; and a BEGIN
    /// that was cut on a connection of the caller's is not sent again.
    fn any_reach(&mut self, begun: bool) -> Reach {
        let lent = [Place::Connection, Place::Pooled, Place::Transaction];
        if lent.contains(&self.program.place) && !begun && self.choices.either() {
            self.open.undone = true;
            return Reach::Scope;
        }
        let is_asked = self.open.owed || self.open.raw || self.open.fresh;
        if is_asked && self.choices.either() {
            Reach::Whole
        } else {
            Reach::Scope
        }
    }

    fn define(&mut self) -> Answer {
        self.loosen();
        self.statement(|model| {
            let rows = model.open.ends(true, false);
            model.durable.extend(rows);
            Answer::Ok
        })
    }

    /// Refused where somebody else ends the transaction.
    fn hook(&mut self, when: When, mark: i64) -> Answer {
        if self.program.place == Place::Transaction {
            self.forbid(Answer::Unsupported);
        } else {
            self.open.hooks.push((when, mark));
        }
        Answer::Ok
    }

    fn before_commit(&mut self, mark: i64, vote: Vote) -> Answer {
        if self.program.place == Place::Transaction {
            self.forbid(Answer::Unsupported);
        } else {
            self.open.votes.push((mark, Some(vote)));
        }
        Answer::Ok
    }

    /// What is refused without asking anybody, and so before what was dropped is
    /// noticed.
    fn forbid(&mut self, told: Answer) {
        self.open.doom(Doom::new(Reach::Scope, told.clone()));
        if self.open.cut
            && self.choices.either()
            && let Some(doom) = &mut self.open.doom
        {
            doom.told = told;
        }
    }

    fn text(&mut self, mark: i64, text: Text) -> Answer {
        if let Text::Control(_) = text {
            self.forbid(Answer::Control);
            return Answer::Control;
        }
        let answer = self.statement(|model| match text {
            Text::Literal => {
                model.open.rows.push(mark);
                Answer::Ok
            }
            Text::Two => {
                model.open.rows.extend([mark, second(mark)]);
                Answer::Ok
            }
            Text::SecondFails if model.engine == Engine::Postgres => {
                model.open.doom(Doom::new(Reach::Scope, Answer::Doomed));
                Answer::Duplicate
            }
            Text::SecondFails => {
                model.open.rows.push(mark);
                Answer::Duplicate
            }
            // All of it, or none; and a failure behind the point cannot be told.
            Text::LetGo if model.choices.either() => {
                model.open.rows.extend([mark, second(mark)]);
                Answer::Ok
            }
            _ => {
                model.open.doubtful |= model.open.raw;
                let reach = if model.choices.either() {
                    Reach::Whole
                } else {
                    Reach::Scope
                };
                model.open.doom(Doom::new(reach, Answer::Failed));
                Answer::Ok
            }
        });
        self.open.owed = true;
        answer
    }
}
