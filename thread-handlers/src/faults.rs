//! Failures on purpose, to see what is left after them.
//!
//! A test cannot make a healthy database refuse the third statement of an
//! operation and no other. So the stores pass the text of each statement
//! through here, and under [`Faults::run`] the one that was chosen is replaced
//! by a statement that the database really refuses: it is sent, parsed and
//! rejected there, the driver reports the database's own error, and everything
//! after that is the real thing.
//!
//! Nothing is replaced outside [`Faults::run`], which only tests and the
//! `threads` program call, and the faults are of that one future, not of the
//! process. Without the feature `faults` this module is not there at all.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

/// What the database is sent in place of the chosen statement. There is no
/// such table.
const REFUSED: &str = "select * from injected_failure";

/// What happens at the chosen statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The database refuses it (PostgreSQL: 42P01, SQLite: 1).
    Refused,
    /// The program panics before it is sent, with [`Panicked`] as payload.
    Panic,
}

/// The payload of a panic on purpose. It is resumed, so no panic hook prints
/// it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Panicked;

/// A failure at one statement of one future, and a count of its statements.
#[derive(Clone, Debug)]
pub struct Faults {
    at: Option<(usize, Fault)>,
    seen: Arc<AtomicUsize>,
}

tokio::task_local! {
    static ACTIVE: Faults;
}

impl Faults {
    /// No failure: only the statements are counted.
    #[must_use]
    pub fn none() -> Self {
        Self {
            at: None,
            seen: Arc::default(),
        }
    }

    /// A failure at the given statement, counted from 1.
    #[must_use]
    pub fn at(statement: usize, fault: Fault) -> Self {
        Self {
            at: Some((statement, fault)),
            ..Self::none()
        }
    }

    /// Runs `operation` with this failure. What it spawns is not affected.
    pub async fn run<F: Future>(&self, operation: F) -> F::Output {
        ACTIVE.scope(self.clone(), operation).await
    }

    /// How many statements the stores have sent, the replaced one included.
    #[must_use]
    pub fn seen(&self) -> usize {
        self.seen.load(Ordering::Relaxed)
    }

    fn next(&self, sql: &'static str) -> &'static str {
        let statement = self.seen.fetch_add(1, Ordering::Relaxed) + 1;
        match self.at {
            Some((at, Fault::Refused)) if at == statement => REFUSED,
            Some((at, Fault::Panic)) if at == statement => {
                std::panic::resume_unwind(Box::new(Panicked))
            }
            _ => sql,
        }
    }
}

/// The text to send for a store's statement.
pub(crate) fn pass(sql: &'static str) -> &'static str {
    ACTIVE.try_with(|faults| faults.next(sql)).unwrap_or(sql)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_the_chosen_statement_of_the_chosen_future_is_replaced() {
        let faults = Faults::at(2, Fault::Refused);
        let sent = faults.run(async { ["a", "b", "c"].map(pass) }).await;
        assert_eq!(sent, ["a", REFUSED, "c"]);
        assert_eq!(faults.seen(), 3);
        assert_eq!(pass("b"), "b");
        let spawned = Faults::at(1, Fault::Refused)
            .run(async { tokio::spawn(async { pass("a") }).await.unwrap() })
            .await;
        assert_eq!(spawned, "a");
    }

    #[tokio::test]
    async fn a_panic_carries_its_payload() {
        let run = async { Faults::at(1, Fault::Panic).run(async { pass("a") }).await };
        let panic = tokio::spawn(run).await.unwrap_err().into_panic();
        assert!(panic.is::<Panicked>());
    }
}
