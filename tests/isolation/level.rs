//! A level, and a place where transactions begin at it.

use super::lists::Lists;
use sqlx::{Error, Pool};
use sqlx_transactional::Source;
use sqlx_transactional_tests::checker::Anomaly;
use sqlx_transactional_tests::{Backend, Engine};
use std::fmt;

/// How far transactions are kept apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Level {
    ReadCommitted,
    RepeatableRead,
    Serializable,
}

impl Level {
    /// What an engine has. `SQLite` lets one write at a time and no other.
    pub(crate) fn of(engine: Engine) -> &'static [Self] {
        match engine {
            Engine::Sqlite => &[Self::Serializable],
            _ => &[
                Self::ReadCommitted,
                Self::RepeatableRead,
                Self::Serializable,
            ],
        }
    }

    /// The level in SQL.
    pub(crate) fn sql(self) -> &'static str {
        match self {
            Self::ReadCommitted => "read committed",
            Self::RepeatableRead => "repeatable read",
            Self::Serializable => "serializable",
        }
    }

    /// What may happen here all the same.
    pub(crate) fn allows(self, engine: Engine, anomaly: Anomaly) -> bool {
        match self {
            Self::ReadCommitted => matches!(anomaly, Anomaly::GSingle | Anomaly::G2),
            // A snapshot. That of InnoDB is for reads alone: a write meets what
            // is there now.
            Self::RepeatableRead if engine == Engine::MySql => {
                matches!(anomaly, Anomaly::GSingle | Anomaly::G2)
            }
            Self::RepeatableRead => anomaly == Anomaly::G2,
            Self::Serializable => false,
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::ReadCommitted => "read-committed",
            Self::RepeatableRead => "repeatable-read",
            Self::Serializable => "serializable",
        })
    }
}

/// A pool whose transactions begin at one level.
#[derive(Debug)]
pub(crate) struct At<DB: Backend> {
    pub(crate) pool: Pool<DB>,
    pub(crate) level: Level,
}

impl<DB: Lists> Source<DB> for At<DB> {
    fn pool(&self) -> &Pool<DB> {
        &self.pool
    }

    async fn after_begin(&self, connection: &mut DB::Connection) -> Result<(), Error> {
        DB::isolate(connection, self.level).await
    }
}
