//! A statement that is looked at before it is sent.

#![cfg_attr(
    not(any(feature = "postgres", feature = "mysql", feature = "sqlite")),
    expect(dead_code, reason = "without an engine there is nothing to execute on")
)]

use sqlx::{Database, Execute, SqlStr, Statement as _};

use crate::backend::{self, Text};

/// A statement taken apart, because sqlx gives its text only for keeps.
pub(crate) enum Statement<DB: Database, E> {
    Text {
        sql: SqlStr,
        arguments: Option<Result<Option<DB::Arguments>, sqlx::error::BoxDynError>>,
        persistent: bool,
    },
    /// Prepared by the user; its text can be looked at without taking it.
    Prepared(E),
}

impl<DB: Database, E> Statement<DB, E> {
    pub(crate) fn of<'q>(mut query: E) -> Self
    where
        E: Execute<'q, DB>,
    {
        if query.statement().is_some() {
            return Self::Prepared(query);
        }
        // In the order in which the drivers ask.
        let arguments = Some(query.take_arguments());
        let persistent = query.persistent();
        let sql = query.sql();
        Self::Text {
            sql,
            arguments,
            persistent,
        }
    }

    /// Its text, where sqlx tells it.
    pub(crate) fn text<'q>(&self) -> Option<&str>
    where
        E: Execute<'q, DB>,
    {
        match self {
            Self::Text { sql, .. } => Some(sql.as_str()),
            Self::Prepared(query) => query.statement().map(|statement| statement.sql().as_str()),
        }
    }

    /// What its text says about the transaction it is sent in.
    pub(crate) fn kind<'q>(&self) -> Text
    where
        E: Execute<'q, DB>,
    {
        let text = self.text();
        text.map_or(Text::UNKNOWN, |sql| backend::of::<DB>().text(sql))
    }
}

impl<'q, DB: Database, E: Execute<'q, DB>> Execute<'q, DB> for Statement<DB, E> {
    fn sql(self) -> SqlStr {
        match self {
            Self::Text { sql, .. } => sql,
            Self::Prepared(query) => query.sql(),
        }
    }

    fn statement(&self) -> Option<&DB::Statement> {
        match self {
            Self::Text { .. } => None,
            Self::Prepared(query) => query.statement(),
        }
    }

    fn take_arguments(&mut self) -> Result<Option<DB::Arguments>, sqlx::error::BoxDynError> {
        match self {
            Self::Text { arguments, .. } => arguments.take().unwrap_or(Ok(None)),
            Self::Prepared(query) => query.take_arguments(),
        }
    }

    fn persistent(&self) -> bool {
        match self {
            Self::Text { persistent, .. } => *persistent,
            Self::Prepared(query) => query.persistent(),
        }
    }
}
