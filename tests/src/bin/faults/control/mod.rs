//! The same sweeps over transactions that this project does not make: by hand on
//! plain sqlx, where what is known to go wrong has to be seen.

mod known;
mod on_sqlx;
mod work;

pub(crate) use known::verdict;
pub(crate) use work::Work;

use crate::calls::{Calls, answering};
use crate::form::Form;
use crate::ledger::Run;
use crate::notes::Notes;
use crate::subject::Answer;
use sqlx::Pool;
use std::fmt;

/// Who makes the transactions of a control.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Control {
    /// The handler itself, as sqlx's documentation writes it.
    Plain,
}

impl Control {
    /// All that were built.
    pub(crate) const ALL: &[Self] = &[Self::Plain];

    /// Its name on the command line and in the text of a case.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
        }
    }

    /// What it is called in a report.
    pub(crate) const fn title(self) -> &'static str {
        match self {
            Self::Plain => "plain sqlx",
        }
    }

    /// Does the work in a transaction. The answer is what the user would see.
    pub(crate) async fn run<DB: Notes>(self, pool: &Pool<DB>, work: Work<DB>) -> Answer {
        match self {
            Self::Plain => on_sqlx::run(pool, &work).await,
        }
    }

    /// Its forms.
    pub(crate) fn forms<DB: Notes>(self) -> Vec<Form<DB>> {
        vec![
            Form::commits(
                self.name(),
                &[1, 2],
                self.calls(|run| Work::Two(run.clone(), 1)),
            ),
            Form::commits(
                format!("{self}-nested"),
                &[1, 2, 3],
                self.calls(|run| Work::Nested(run.clone())),
            ),
        ]
    }

    /// None of them knows a deadline.
    fn calls<DB: Notes>(self, work: fn(&Run) -> Work<DB>) -> Calls<DB> {
        Calls {
            free: Box::new(move |pool, run, _| answering(self.run(pool, work(run)))),
            within: Box::new(move |place, run, _| answering(self.run(&place.0, work(run)))),
        }
    }
}

impl fmt::Display for Control {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}
