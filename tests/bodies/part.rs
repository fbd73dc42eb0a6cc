//! What must come of a part.

use crate::answer::Answer;
use crate::model::Model;
use crate::open::{Doom, Open, Reach, Repeat};
use crate::program::{Leave, Part};
use sqlx_transactional_tests::Engine;

impl Model<'_> {
    /// What a joined part does not finish, nobody can.
    pub(crate) fn joined(&mut self, number: i64, part: &Part) -> Answer {
        let answer = self.steps(number, &part.body);
        if !answer.is_ok() || part.leave != Leave::Return {
            self.open.doom(Doom::new(Reach::Scope, Answer::Doomed));
        }
        answer
    }

    pub(crate) fn savepoint(&mut self, number: i64, part: &Part) -> Answer {
        let before = self.open.clone();
        self.open.roll_back = false;
        self.open.fresh = true;
        let returned = self.steps(number, &part.body);
        let is_empty = std::mem::take(&mut self.open.fresh);
        let is_fresh = is_empty && before.fresh;
        // A body that did not return has no `Ok` that could not be kept.
        let is_left = returned.is_ok() && part.leave != Leave::Return;
        let answer = if is_left {
            returned
        } else {
            self.kept(returned, is_empty)
        };
        if is_left || !answer.is_ok() || self.open.roll_back {
            self.undo(&before);
        }
        self.open.roll_back = before.roll_back;
        self.open.fresh = is_fresh;
        self.open.owed |= is_left;
        answer
    }

    /// What is made of what a savepoint's body returned.
    fn kept(&mut self, returned: Answer, is_empty: bool) -> Answer {
        let open = &self.open;
        if !returned.is_ok() {
            return returned;
        }
        // One that was never set need not know.
        if is_empty && open.owed && !open.roll_back && self.choices.either() {
            return Answer::Ok;
        }
        let open = &self.open;
        if is_empty && !open.roll_back && open.is_unseen() && !open.is_doomed() {
            return self.one_or_other();
        }
        if open.roll_back {
            // Going back may fail, if there is nothing to go back to.
            let is_gone = open.ended.is_some() || open.out_of_step;
            return if is_gone {
                self.one_or_other()
            } else {
                returned
            };
        }
        if let Some(ended) = &open.ended
            && ended.begun
            && self.engine != Engine::Postgres
        {
            return self.one_or_other();
        }
        let open = &self.open;
        if open.ended.is_some() || open.aborted || open.out_of_step {
            return Answer::Failed;
        }
        if (open.nested || open.undone) && self.choices.either() {
            self.look();
            return Answer::Failed;
        }
        match &self.open.doom {
            Some(doom) => doom.told.clone(),
            None => Answer::Ok,
        }
    }

    /// The savepoint is gone back to.
    fn undo(&mut self, before: &Open) {
        let open = &mut self.open;
        open.rows.truncate(before.rows.len());
        open.hooks.truncate(before.hooks.len());
        open.votes.truncate(before.votes.len());
        open.refused = open.refused.min(before.refused);
        open.aborted &= before.aborted;
        if open
            .doom
            .as_ref()
            .is_some_and(|doom| doom.reach == Reach::Scope)
        {
            open.doom.clone_from(&before.doom);
            if open.conflict == Repeat::Yes && before.conflict != Repeat::Yes {
                open.conflict = Repeat::Maybe;
            }
        }
        if self.open.out_of_step && !before.out_of_step {
            if self.choices.either() {
                self.open.doom(Doom::new(Reach::Whole, Answer::Doomed));
            }
            self.open.out_of_step = false;
            self.open.doubtful = true;
            self.open.raw = true;
        }
    }
}
