//! What a caller is told.

use sqlx::Error;
use sqlx::error::ErrorKind;

/// What a call, or a step, gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    Ok,
    /// The error of a body's own.
    Own,
    /// The engine's: the note is there already.
    Duplicate,
    /// The engine's: that is no SQL.
    Broken,
    /// Another transaction was in the way.
    Conflict,
    /// The engine's, at COMMIT: the parent is not there.
    Refused,
    Doomed,
    Control,
    EndedEarly,
    Unsupported,
    Vetoed,
    Unknown,
    AlreadyDone,
    /// The connection was lost.
    Lost,
    /// The future was dropped before the answer.
    Cut,
    /// The call panicked.
    Panicked,
    /// The call was dropped.
    Dropped,
    /// Whatever nobody expects.
    Other(String),
    /// In the model: any error.
    Failed,
}

impl Answer {
    pub(crate) fn is_ok(&self) -> bool {
        *self == Self::Ok
    }

    /// Whether the model, which says this, allows `found`.
    pub(crate) fn allows(&self, found: &Self) -> bool {
        let is_error = !matches!(found, Self::Ok | Self::Panicked | Self::Dropped | Self::Cut);
        self == found || (*self == Self::Failed && is_error)
    }
}

pub(crate) fn answer(done: &Result<(), Error>) -> Answer {
    let Err(error) = done else {
        return Answer::Ok;
    };
    if let Some(found) = sqlx_transactional::Error::find(error) {
        return crates_own(found);
    }
    match error {
        Error::RowNotFound => Answer::Own,
        // Never the engine's: what a step says whose future it dropped.
        Error::WorkerCrashed => Answer::Cut,
        Error::Io(_) => Answer::Lost,
        Error::Database(said) => match (said.kind(), said.code().as_deref()) {
            (ErrorKind::UniqueViolation, _) => Answer::Duplicate,
            (ErrorKind::ForeignKeyViolation, _) => Answer::Refused,
            (_, Some("40001" | "5")) => Answer::Conflict,
            (_, Some("42601" | "42000" | "1")) => Answer::Broken,
            (_, code) => Answer::Other(format!("{code:?}: {said}")),
        },
        _ => Answer::Other(error.to_string()),
    }
}

fn crates_own(found: &sqlx_transactional::Error) -> Answer {
    match found {
        found if found.is_doomed() => Answer::Doomed,
        found if found.is_transaction_control() => Answer::Control,
        found if found.is_ended_early() => Answer::EndedEarly,
        found if found.is_unsupported() => Answer::Unsupported,
        found if found.is_vetoed() => Answer::Vetoed,
        found if found.is_outcome_unknown() => Answer::Unknown,
        found if found.is_already_done() => Answer::AlreadyDone,
        found if found.attempts().is_some() && found.sqlstate() == "08006" => Answer::Lost,
        found if found.attempts().is_some() => Answer::Conflict,
        found => Answer::Other(found.to_string()),
    }
}
