//! An error as an engine gives it, for the tests of what is made of one.

use std::{borrow::Cow, error::Error as StdError, fmt};

use sqlx::error::{DatabaseError, ErrorKind};

/// What an engine says.
#[derive(Debug)]
struct Said(&'static str);

/// The error of a database, with this code.
pub(crate) fn said(code: &'static str) -> sqlx::Error {
    sqlx::Error::Database(Box::new(Said(code)))
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "said {}", self.0)
    }
}

impl StdError for Said {}

impl DatabaseError for Said {
    fn message(&self) -> &'static str {
        "the engine's words"
    }

    fn code(&self) -> Option<Cow<'_, str>> {
        Some(Cow::Borrowed(self.0))
    }

    fn as_error(&self) -> &(dyn StdError + Send + Sync + 'static) {
        self
    }

    fn as_error_mut(&mut self) -> &mut (dyn StdError + Send + Sync + 'static) {
        self
    }

    fn into_error(self: Box<Self>) -> Box<dyn StdError + Send + Sync + 'static> {
        self
    }

    fn constraint(&self) -> Option<&str> {
        Some("a_constraint")
    }

    fn table(&self) -> Option<&str> {
        Some("a_table")
    }

    fn kind(&self) -> ErrorKind {
        ErrorKind::Other
    }
}
