//! What a control does inside a transaction, written once for whoever makes it.

use crate::ledger::Run;
use crate::notes::Notes;
use crate::swallowed::provoked::{MORE, Provoked};
use crate::swallowed::trap::Trap;
use std::error::Error as StdError;
use std::sync::Arc;

/// The inside of a transaction.
pub(crate) trait Inside: Send {
    /// What a statement fails with.
    type Error: StdError + Send + Sync + 'static;

    /// Stores a note with a statement that is always the same.
    fn insert(&mut self, id: i64) -> impl Future<Output = Result<(), Self::Error>> + Send;

    /// Stores a note with a statement that no connection has seen before.
    fn insert_cold(&mut self, id: i64) -> impl Future<Output = Result<(), Self::Error>> + Send;

    /// Stores a note in a transaction inside this one.
    fn insert_nested(&mut self, id: i64) -> impl Future<Output = Result<(), Self::Error>> + Send;

    /// Runs a text statement, as it is.
    fn execute(&mut self, sql: &str) -> impl Future<Output = Result<(), Self::Error>> + Send;

    /// What sqlx said, if the error is one of its.
    fn of_sqlx(error: &Self::Error) -> Option<&sqlx::Error>;
}

/// What is done.
pub(crate) enum Work<DB: Notes> {
    /// Stores two notes, the first of which is this one.
    Two(Run, i64),
    /// Stores three, the second in a transaction inside.
    Nested(Run),
    /// Provokes an error and keeps it to itself.
    Provoked(Arc<Provoked<DB>>),
}

impl<DB: Notes> Work<DB> {
    /// Does it.
    pub(super) async fn on<I: Inside>(&self, inside: &mut I) -> Result<(), I::Error> {
        match self {
            Self::Two(run, first) => {
                inside.insert(run.id(*first)).await?;
                inside.insert_cold(run.id(first + 1)).await
            }
            Self::Nested(run) => {
                inside.insert(run.id(1)).await?;
                inside.insert_nested(run.id(2)).await?;
                inside.insert(run.id(3)).await
            }
            Self::Provoked(provoked) => swallow(inside, provoked).await,
        }
    }
}

async fn swallow<I: Inside, DB: Notes>(
    inside: &mut I,
    provoked: &Provoked<DB>,
) -> Result<(), I::Error> {
    for note in provoked.notes() {
        inside.insert(provoked.run.id(note)).await?;
        provoked.keep(note);
    }
    if let Some(sql) = provoked.class.before {
        inside.execute(sql).await?;
    }
    let failing = inside.execute(provoked.class.failing);
    let _ = provoked.provoke_through(failing, I::of_sqlx).await;
    if matches!(provoked.trap, Trap::ControlThenMore(_))
        && inside.insert(provoked.run.id(MORE)).await.is_ok()
    {
        provoked.keep(MORE);
    }
    Ok(())
}
