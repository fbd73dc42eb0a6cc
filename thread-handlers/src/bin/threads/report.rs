//! What was done, what was tried, and what came of it.

use serde::Serialize;
use serde_json::json;

use crate::{observe::Change, timeline::Step};

/// One operation that was shown.
#[derive(Debug, Serialize)]
pub(crate) struct Act {
    pub(crate) operation: &'static str,
    pub(crate) about: String,
    pub(crate) steps: Vec<Step>,
    /// What the caller got, in words.
    pub(crate) answer: String,
    /// The error's code, if it was one.
    pub(crate) error: Option<&'static str>,
    pub(crate) events: Vec<&'static str>,
    pub(crate) changes: Vec<Change>,
}

impl Act {
    /// Whether the database heard of it.
    pub(crate) fn sent_anything(&self) -> bool {
        let sent = |step: &Step| matches!(step, Step::Begin { .. } | Step::Statement { .. });
        self.steps.iter().any(sent)
    }
}

/// A way to disturb an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Disturbance {
    /// The database refuses a statement.
    Refused,
    /// The program panics before a statement.
    Panic,
    /// The database refuses a statement, and the caller goes on as if not.
    Swallowed,
    /// The database refuses COMMIT.
    CommitRefused,
    /// The caller, in whose transaction it ran, fails afterwards.
    CallerFails,
    /// The caller panics afterwards.
    CallerPanics,
    /// The future is dropped while it waits.
    Dropped,
    /// The future is dropped when what it waits for has come.
    DroppedLate,
}

impl Disturbance {
    pub(crate) const ALL: [Self; 8] = [
        Self::Refused,
        Self::Panic,
        Self::Swallowed,
        Self::CommitRefused,
        Self::CallerFails,
        Self::CallerPanics,
        Self::Dropped,
        Self::DroppedLate,
    ];

    /// A trial's line, before its number.
    pub(crate) fn at(self) -> &'static str {
        match self {
            Self::Refused => "refused: statement",
            Self::Panic => "panic at statement",
            Self::Swallowed => "swallowed: statement",
            Self::CommitRefused => "refused: COMMIT",
            Self::CallerFails => "the caller fails afterwards",
            Self::CallerPanics => "the caller panics afterwards",
            Self::Dropped => "dropped at await",
            Self::DroppedLate => "dropped after await",
        }
    }

    /// The table's line.
    fn all(self) -> &'static str {
        match self {
            Self::Refused => "a failure at every statement",
            Self::Panic => "a panic at every statement",
            Self::Swallowed => "an error swallowed at each",
            Self::CommitRefused => "COMMIT refused",
            Self::CallerFails => "the caller fails afterwards",
            Self::CallerPanics => "the caller panics afterwards",
            Self::Dropped => "dropped at every await",
            Self::DroppedLate => "dropped after every await",
        }
    }
}

/// One disturbance of one operation, and what was found after it.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Trial {
    pub(crate) operation: &'static str,
    pub(crate) kind: Disturbance,
    /// Which statement or await, where there are several.
    pub(crate) at: Option<usize>,
    /// What the caller got.
    pub(crate) gets: String,
    /// `same` or, after COMMIT was sent, `whole`; else what is wrong.
    pub(crate) data: &'static str,
    /// `none` or, after COMMIT was sent, `sent`; else what is wrong.
    pub(crate) events: &'static str,
    /// `clean`, else what is wrong.
    pub(crate) pool: &'static str,
    /// What the database said against it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) why: Option<String>,
    pub(crate) held: bool,
}

impl Trial {
    /// What was done, in words.
    pub(crate) fn what(&self) -> String {
        match self.at {
            Some(at) => format!("{} {at}", self.kind.at()),
            None => self.kind.at().to_owned(),
        }
    }

    /// Whether two trials of a sweep ended alike.
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        (&self.gets, self.data, self.events, self.pool, self.held)
            == (
                &other.gets,
                other.data,
                other.events,
                other.pool,
                other.held,
            )
    }
}

/// All trials of a run.
#[derive(Debug, Default)]
pub(crate) struct Tally(Vec<Trial>);

impl Tally {
    pub(crate) fn add(&mut self, trials: Vec<Trial>) {
        self.0.extend(trials);
    }

    /// How many were tried, and how many held.
    pub(crate) fn total(&self) -> (usize, usize) {
        count(self.0.iter())
    }

    pub(crate) fn failed(&self) -> impl Iterator<Item = &Trial> {
        self.0.iter().filter(|trial| !trial.held)
    }

    /// The operations, in the order they were tried.
    fn tried(&self) -> Vec<&'static str> {
        let mut names: Vec<&'static str> = self.0.iter().map(|trial| trial.operation).collect();
        names.dedup();
        names
    }

    /// The same, as short as a column is wide.
    pub(crate) fn operations(&self) -> Vec<&'static str> {
        let names = self.tried().into_iter();
        names
            .map(|name| match name {
                "auto_rename_thread" => "rename",
                name => name.split('_').next().unwrap_or(name),
            })
            .collect()
    }

    /// The table: label, a cell for each operation, the sum.
    pub(crate) fn rows(&self) -> Vec<(&'static str, Vec<String>, String)> {
        let cell = |(tried, held): (usize, usize)| format!("{held}/{tried}");
        let of = |kind| self.0.iter().filter(move |trial| trial.kind == kind);
        Disturbance::ALL
            .into_iter()
            .map(|kind| {
                let cells = self
                    .tried()
                    .into_iter()
                    .map(|name| cell(count(of(kind).filter(|trial| trial.operation == name))));
                (kind.all(), cells.collect(), cell(count(of(kind))))
            })
            .collect()
    }

    /// The last line of the JSON output.
    pub(crate) fn summary(&self) -> serde_json::Value {
        let (tried, held) = self.total();
        let kinds = Disturbance::ALL.into_iter().map(|kind| {
            let (tried, held) = count(self.0.iter().filter(|trial| trial.kind == kind));
            json!({ "kind": kind, "tried": tried, "held": held })
        });
        json!({
            "summary": { "tried": tried, "held": held, "kinds": kinds.collect::<Vec<_>>() }
        })
    }
}

fn count<'t>(trials: impl Iterator<Item = &'t Trial>) -> (usize, usize) {
    trials.fold((0, 0), |(tried, held), trial| {
        (tried + 1, held + usize::from(trial.held))
    })
}
