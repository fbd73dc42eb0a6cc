//! A level, and a place where transactions begin at it.

use super::lists::Lists;
use sqlx::Pool;
use sqlx_transactional::{Isolation, Source};
use sqlx_transactional_tests::checker::Anomaly;
use sqlx_transactional_tests::{Backend, Engine};
use std::fmt;

/// How far transactions are kept apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Level {
    ReadUncommitted,
    ReadCommitted,
    RepeatableRead,
    Serializable,
}

impl Level {
    /// What an engine has. `SQLite` lets one write at a time and no other.
    pub(crate) fn of(engine: Engine) -> &'static [Self] {
        match engine {
            Engine::Sqlite => &[Self::Serializable],
            Engine::Postgres => &[
                Self::ReadCommitted,
                Self::RepeatableRead,
                Self::Serializable,
            ],
            Engine::MySql => &[
                Self::ReadUncommitted,
                Self::ReadCommitted,
                Self::RepeatableRead,
                Self::Serializable,
            ],
        }
    }

    /// The level as the option of a transaction.
    pub(crate) fn isolation(self) -> Isolation {
        match self {
            Self::ReadUncommitted => Isolation::ReadUncommitted,
            Self::ReadCommitted => Isolation::ReadCommitted,
            Self::RepeatableRead => Isolation::RepeatableRead,
            Self::Serializable => Isolation::Serializable,
        }
    }

    /// What may happen here all the same.
    pub(crate) fn allows(self, engine: Engine, anomaly: Anomaly) -> bool {
        match self {
            // What is taken back was seen, and so in an order that never was.
            Self::ReadUncommitted => matches!(
                anomaly,
                Anomaly::AbortedRead
                    | Anomaly::IntermediateRead
                    | Anomaly::IncompatibleOrders
                    | Anomaly::G1c
                    | Anomaly::GSingle
                    | Anomaly::G2
            ),
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
            Self::ReadUncommitted => "read-uncommitted",
            Self::ReadCommitted => "read-committed",
            Self::RepeatableRead => "repeatable-read",
            Self::Serializable => "serializable",
        })
    }
}

/// A pool, and as a place the level of what begins there. The server has its own
/// default for what is begun on the pool itself.
#[derive(Debug)]
pub(crate) struct At<DB: Backend> {
    pub(crate) pool: Pool<DB>,
    pub(crate) level: Level,
}

impl<DB: Lists> Source<DB> for At<DB> {
    fn pool(&self) -> &Pool<DB> {
        &self.pool
    }

    fn isolation(&self) -> Option<Isolation> {
        Some(self.level.isolation())
    }
}
