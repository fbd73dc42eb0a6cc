//! What must come of a program, as the documentation of the crate says it.

use crate::answer::Answer;
use crate::choices::{Choices, every};
use crate::open::{Doom, Open, Reach, Repeat, When};
use crate::program::{Leave, Lost, Place, Program, Vote};
use crate::walk::{BEHIND, DB_COMMITTED, DB_ROLLED_BACK};
use sqlx_transactional_tests::Engine;

/// What came of a program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// What the caller gets.
    pub(crate) answer: Answer,
    /// The notes that are stored.
    pub(crate) stored: Vec<i64>,
    /// Those that may be stored: of what was done behind an end that nobody saw.
    pub(crate) maybe: Vec<i64>,
    /// The hooks that ran, in their order.
    pub(crate) hooks: Vec<i64>,
    /// How often the body ran.
    pub(crate) runs: u32,
    /// What each step was told.
    pub(crate) told: Vec<(i64, Answer)>,
    /// Whether somebody else has ended the transaction.
    pub(crate) ended: bool,
    /// Whether the connection can be used again.
    pub(crate) whole: bool,
}

impl Outcome {
    /// Whether `found` is this outcome.
    pub(crate) fn allows(&self, found: &Self) -> bool {
        let is_left_open = |note: &&i64| !self.maybe.contains(note);
        let told = |(wanted, found): (&(i64, Answer), &(i64, Answer))| {
            wanted.0 == found.0 && wanted.1.allows(&found.1)
        };
        self.answer.allows(&found.answer)
            && self.hooks == found.hooks
            && self.runs == found.runs
            && (found.whole || !self.whole)
            && self.told.len() == found.told.len()
            && self.told.iter().zip(&found.told).all(told)
            && found.stored.iter().filter(is_left_open).eq(&self.stored)
    }
}

/// What may come of this program; nothing where that is too much.
pub(crate) fn outcomes(engine: Engine, program: &Program) -> Option<Vec<Outcome>> {
    every(|choices| {
        Model {
            engine,
            program,
            choices,
            durable: Vec::new(),
            maybe: Vec::new(),
            told: Vec::new(),
            mark: 0,
            lost: program.call.lost,
            dead: false,
            torn: false,
            open: Open::default(),
        }
        .outcome()
    })
}

/// A program on its way.
#[derive(Debug)]
pub(crate) struct Model<'a> {
    pub(crate) engine: Engine,
    pub(crate) program: &'a Program,
    pub(crate) choices: &'a mut Choices,
    pub(crate) durable: Vec<i64>,
    pub(crate) maybe: Vec<i64>,
    pub(crate) told: Vec<(i64, Answer)>,
    /// The number of what the step stores that is done now.
    pub(crate) mark: i64,
    /// What happens to the next COMMIT.
    lost: Option<Lost>,
    /// Whether the caller's own connection is gone.
    pub(crate) dead: bool,
    /// Whether it may be left inside a transaction.
    pub(crate) torn: bool,
    /// The transaction of this attempt.
    pub(crate) open: Open,
}

/// How an attempt ended.
#[derive(Debug)]
enum End {
    Committed,
    /// Whether it is done again.
    RolledBack(Repeat),
    /// Somebody else ended it, or nobody knows what is left.
    Early,
    /// COMMIT was not answered.
    Unknown,
    /// The caller or the body went away.
    Left,
}

impl Model<'_> {
    fn outcome(mut self) -> Outcome {
        let mut doubt = false;
        let mut attempt = 0;
        let (answer, hooks) = loop {
            attempt += 1;
            self.open = Open::new(attempt, self.program);
            let (answer, end) = self.attempt();
            let is_last = attempt == self.program.call.attempts;
            match end {
                End::Committed => break (answer, self.hooks(When::Committed)),
                End::Unknown if !is_last && self.repeats_the_unknown() => doubt = true,
                End::RolledBack(repeat)
                    if !is_last && self.repeats(repeat) && !self.is_given_up() => {}
                // One that is not known stays that.
                End::Early | End::RolledBack(_) if doubt => break (Answer::Unknown, Vec::new()),
                End::Left if doubt => break (answer, Vec::new()),
                End::Early if self.open.mistaken && self.choices.either() => {
                    break (answer, self.hooks(When::RolledBack));
                }
                End::Unknown | End::Early => break (answer, Vec::new()),
                End::RolledBack(_) => break (answer, self.rollback_hooks()),
                End::Left => break (answer, self.hooks_of_who_left()),
            }
        };
        let is_owned = self.program.place == Place::Transaction;
        if is_owned {
            self.owner();
        }
        let is_torn = self.torn && self.engine != Engine::Sqlite;
        let mut stored = self.durable;
        stored.sort_unstable();
        Outcome {
            answer,
            stored,
            maybe: self.maybe,
            hooks,
            runs: attempt,
            told: self.told,
            ended: self.open.ended.is_some(),
            whole: !is_torn && (!is_owned || self.open.ended.is_none()),
        }
    }

    /// The owner of the transaction goes on in it, if it is still there, and
    /// commits.
    fn owner(&mut self) {
        let answer = if self.open.ended.is_some() {
            self.maybe.push(BEHIND);
            self.one_or_other()
        } else {
            self.durable.append(&mut self.open.owner);
            self.durable.push(BEHIND);
            Answer::Ok
        };
        self.told.push((BEHIND, answer));
    }

    /// The next attempt would find the key, and take its own work for another's.
    fn repeats_the_unknown(&self) -> bool {
        self.program.call.idempotent && !self.program.call.key && !self.dead
    }

    /// A connection of the caller's that is lost, or out of step, is not used again.
    fn is_given_up(&mut self) -> bool {
        let is_lent = matches!(self.program.place, Place::Connection | Place::Pooled);
        let may_be = self.open.doubtful || self.open.out_of_step || self.open.cut;
        self.dead || (is_lent && may_be && self.choices.either())
    }

    fn repeats(&mut self, repeat: Repeat) -> bool {
        match repeat {
            _ if matches!(self.program.place, Place::Test | Place::Transaction) => false,
            Repeat::Yes => true,
            Repeat::Maybe => self.choices.either(),
            Repeat::No => false,
        }
    }

    fn attempt(&mut self) -> (Answer, End) {
        let returned = self.body(&self.program.body);
        if returned.is_ok() && self.program.leave != Leave::Return {
            let answer = match self.program.leave {
                Leave::Panic => Answer::Panicked,
                _ => Answer::Dropped,
            };
            return (answer, End::Left);
        }
        self.end(returned)
    }

    /// What is made of what the body returned.
    fn end(&mut self, returned: Answer) -> (Answer, End) {
        let mut answer = returned.clone();
        if returned.is_ok() {
            self.look();
            if !self.open.is_doomed() && !self.open.roll_back {
                answer = self.votes();
                self.look();
            }
        }
        if self.open.ended.is_some() {
            let answer = if returned.is_ok() && self.open.doubtful && self.choices.either() {
                Answer::Doomed
            } else if returned.is_ok() {
                Answer::EndedEarly
            } else {
                returned
            };
            return (answer, End::Early);
        }
        if !answer.is_ok() {
            return (answer, End::RolledBack(self.open.conflict));
        }
        if self.open.roll_back {
            // Nobody can say that it was.
            let is_doubtful = self.open.doubtful || self.open.out_of_step;
            if is_doubtful && self.choices.either() {
                return (Answer::Failed, End::RolledBack(Repeat::No));
            }
            return (Answer::Ok, End::RolledBack(Repeat::No));
        }
        match self.open.doom.clone() {
            Some(doom) => (doom.told, End::RolledBack(self.open.conflict)),
            None => self.commit(),
        }
    }

    fn commit(&mut self) -> (Answer, End) {
        let call = self.program.call;
        let inside = matches!(self.program.place, Place::Test | Place::Transaction);
        let is_refused = self.open.refused > 0 && !inside;
        let mut rows = std::mem::take(&mut self.open.rows);
        if is_refused {
            rows.clear();
        }
        let lost = if self.open.begun {
            self.lost.take()
        } else {
            None
        };
        let is_lent = matches!(self.program.place, Place::Connection | Place::Pooled);
        self.dead |= lost.is_some() && is_lent;
        // Its own row of the key tells the call what became of it, if there is another
        // connection to ask on.
        let asks = call.key && !is_lent;
        match lost {
            None => {}
            // The refusal is lost with the answer.
            Some(Lost::Answer) if asks && is_refused => {
                return (Answer::Lost, End::RolledBack(Repeat::Yes));
            }
            Some(Lost::Answer) if asks => {}
            Some(Lost::Answer) => {
                self.durable.extend(rows);
                return (Answer::Unknown, End::Unknown);
            }
            Some(Lost::Commit) if asks => {
                return (Answer::Lost, End::RolledBack(Repeat::Yes));
            }
            Some(Lost::Commit) => return (Answer::Unknown, End::Unknown),
        }
        if is_refused {
            return (Answer::Refused, End::RolledBack(Repeat::No));
        }
        self.durable.extend(rows);
        (Answer::Ok, End::Committed)
    }

    /// The hooks before COMMIT, and those that they register.
    fn votes(&mut self) -> Answer {
        while !self.open.votes.is_empty() {
            let (mark, vote) = self.open.votes.remove(0);
            let answer = self.vote(mark, vote);
            if !answer.is_ok() {
                return answer;
            }
        }
        Answer::Ok
    }

    fn vote(&mut self, mark: i64, vote: Option<Vote>) -> Answer {
        match vote {
            Some(Vote::Agrees) => Answer::Ok,
            Some(Vote::Refuses) => Answer::Vetoed,
            Some(Vote::Writes) | None => self.insert(mark),
            Some(Vote::Fails) => self.duplicate(),
            Some(Vote::Swallows) => {
                self.duplicate();
                Answer::Ok
            }
            Some(Vote::Registers) => {
                self.open.hooks.push((When::Committed, mark));
                self.open.votes.push((mark, None));
                Answer::Ok
            }
            Some(Vote::RollsBack) => {
                self.open.roll_back = true;
                Answer::Ok
            }
        }
    }

    /// Those that the place registers come first.
    fn hooks(&self, when: When) -> Vec<i64> {
        let db = match when {
            When::Committed => DB_COMMITTED,
            When::RolledBack => DB_ROLLED_BACK,
        };
        let own = self.open.hooks.iter().filter(|(waits, _)| *waits == when);
        let own = own.map(|(_, mark)| *mark);
        let place = (self.program.place == Place::Db).then_some(db);
        place.into_iter().chain(own).collect()
    }

    /// None may run where nobody can tell that nothing is durable.
    fn rollback_hooks(&mut self) -> Vec<i64> {
        // In a test a nested transaction keeps from going back.
        let is_held = self.open.nested && self.program.place == Place::Test;
        if (is_held || self.open.is_unproven()) && self.choices.either() {
            return Vec::new();
        }
        self.hooks(When::RolledBack)
    }

    fn hooks_of_who_left(&mut self) -> Vec<i64> {
        let is_durable = match &self.open.ended {
            Some(ended) => ended.committed,
            None => false,
        };
        let is_open = self.open.raw || self.open.ended.is_some();
        if is_durable || (is_open && self.choices.either()) {
            return Vec::new();
        }
        self.hooks(When::RolledBack)
    }

    /// What left our sight is looked at.
    pub(crate) fn look(&mut self) {
        let open = &mut self.open;
        if open.ended.is_some() {
            open.doom(Doom::new(Reach::Whole, Answer::EndedEarly));
        } else if open.out_of_step {
            let reach = if self.choices.either() {
                Reach::Whole
            } else {
                Reach::Scope
            };
            open.doom(Doom::new(reach, Answer::Doomed));
        } else if open.undone {
            open.doom(Doom::new(Reach::Whole, Answer::Doomed));
        } else if open.aborted {
            open.doom(Doom::new(Reach::Scope, Answer::Doomed));
        } else if open.nested {
            open.doom(Doom::new(Reach::Whole, Answer::Unsupported));
        }
    }
}
