//! What kind of transaction is asked for: its isolation, and how it takes its
//! locks.

use sqlx::Database;

use crate::{
    backend::{self, Mode},
    handle::Access,
};

/// How much of what others do at the same time a transaction may see (ISO/IEC
/// 9075-2, 4.41). A later one allows less than an earlier one.
///
/// What is asked for is the least that is given:
///
/// | | `ReadUncommitted` | `ReadCommitted` | `RepeatableRead` | `Serializable` |
/// |---|---|---|---|---|
/// | PostgreSQL (manual, 13.2) | as `ReadCommitted` | dirty writes and reads are prevented | a snapshot: lost updates too, as 40001 | everything, as 40001 |
/// | MySQL, MariaDB (manual, 17.7.2.1) | nothing is | dirty reads are | a snapshot for plain reads; updates see what is newer | every read locks |
/// | SQLite (sqlite.org/isolation.html) | as `Serializable` | as `Serializable` | as `Serializable` | everything: one writes at a time |
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Isolation {
    /// Even what is not committed may be seen.
    ReadUncommitted,
    /// Each statement sees what was committed before it.
    ReadCommitted,
    /// Each read sees what was committed before the first.
    RepeatableRead,
    /// As if the transactions ran one after another.
    Serializable,
}

impl Isolation {
    #[cfg(any(feature = "postgres", feature = "mysql"))]
    pub(crate) fn as_sql(self) -> &'static str {
        match self {
            Self::ReadUncommitted => "READ UNCOMMITTED",
            Self::ReadCommitted => "READ COMMITTED",
            Self::RepeatableRead => "REPEATABLE READ",
            Self::Serializable => "SERIALIZABLE",
        }
    }
}

/// When a transaction on SQLite takes its locks
/// (<https://sqlite.org/lang_transaction.html>, 2.2). A later one excludes more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Locking {
    Deferred,
    Immediate,
    Exclusive,
}

impl Locking {
    /// What a transaction does that was not asked.
    pub(crate) fn of(mode: Mode) -> Self {
        match mode {
            // A deferred one that writes later fails at once with
            // SQLITE_BUSY_SNAPSHOT; an immediate one waits for its turn.
            Mode::Write => Self::Immediate,
            Mode::Read => Self::Deferred,
        }
    }
}

/// What is asked of a transaction, or was; PostgreSQL calls it by this name (SET
/// TRANSACTION). What is `None` is not said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Characteristics {
    pub(crate) isolation: Option<Isolation>,
    pub(crate) deferrable: bool,
    pub(crate) locking: Option<Locking>,
}

impl Characteristics {
    pub(crate) const fn new() -> Self {
        Self {
            isolation: None,
            deferrable: false,
            locking: None,
        }
    }

    /// The first of these that `open`, those of the transaction that is open, do
    /// not give. Of what nobody said, the least that the engine may give counts:
    /// its default is a setting of the server's.
    pub(crate) fn beyond<DB: Database>(self, open: Self, mode: Mode) -> Option<&'static str> {
        let least = backend::of::<DB>().least_isolation();
        let given = open.isolation.map_or(least, |given| given.max(least));
        if self.isolation.is_some_and(|asked| asked > given) {
            Some(
                "its `isolation` is stronger than what the transaction it joins was asked for: \
                 name it at the outermost function",
            )
        } else if self.deferrable && !open.deferrable {
            Some("it is `deferrable`, and the transaction it joins is not")
        } else if self.locking > Some(open.locking.unwrap_or(Locking::of(mode))) {
            Some("it locks more than the transaction it joins, which cannot be changed any more")
        } else {
            None
        }
    }
}

/// An access that can be `deferrable`: that of a [`ReadTx`](crate::ReadTx) on
/// PostgreSQL. Sealed.
#[diagnostic::on_unimplemented(
    message = "`deferrable` is an option for a `ReadTx` on PostgreSQL, and this is `{Self}`",
    label = "cannot wait for a safe snapshot",
    note = "PostgreSQL ignores DEFERRABLE unless the transaction is SERIALIZABLE and READ ONLY"
)]
pub trait Deferrable: Access {}

#[cfg(feature = "postgres")]
impl Deferrable for crate::handle::Read<sqlx::Postgres> {}

/// A database whose transactions begin `deferred`, `immediate` or `exclusive`:
/// SQLite. Sealed.
#[diagnostic::on_unimplemented(
    message = "`deferred`, `immediate` and `exclusive` are options for SQLite, and this \
               transaction is on `{Self}`",
    label = "takes its locks row by row",
    note = "elsewhere, `select … for update` locks what is read"
)]
pub trait BeginMode: Database + sealed::Sealed {}

mod sealed {
    pub trait Sealed {}
}

#[cfg(feature = "sqlite")]
impl sealed::Sealed for sqlx::Sqlite {}

#[cfg(feature = "sqlite")]
impl BeginMode for sqlx::Sqlite {}

#[cfg(all(test, feature = "postgres", feature = "mysql", feature = "sqlite"))]
mod tests {
    use sqlx::{MySql, Postgres, Sqlite};

    use super::{Characteristics, Database, Isolation, Locking, Mode};

    const LEVELS: [Isolation; 4] = [
        Isolation::ReadUncommitted,
        Isolation::ReadCommitted,
        Isolation::RepeatableRead,
        Isolation::Serializable,
    ];

    fn level(isolation: impl Into<Option<Isolation>>) -> Characteristics {
        Characteristics {
            isolation: isolation.into(),
            ..Characteristics::new()
        }
    }

    fn allowed<DB: Database>(open: Option<Isolation>) -> Vec<Isolation> {
        let is_allowed = |asked: &Isolation| {
            level(*asked)
                .beyond::<DB>(level(open), Mode::Write)
                .is_none()
        };
        LEVELS.into_iter().filter(is_allowed).collect()
    }

    #[test]
    fn an_equal_or_weaker_level_is_given() {
        for (at, open) in LEVELS.into_iter().enumerate() {
            assert_eq!(allowed::<MySql>(Some(open)), LEVELS[..=at], "{open:?}");
            assert_eq!(allowed::<Postgres>(Some(open)), LEVELS[..=at.max(1)]);
        }
    }

    #[test]
    fn what_nobody_named_is_the_least_the_engine_can_give() {
        assert_eq!(allowed::<MySql>(None), LEVELS[..1]);
        assert_eq!(allowed::<Postgres>(None), LEVELS[..2]);
        assert_eq!(allowed::<Sqlite>(None), LEVELS);
    }

    #[test]
    fn a_mode_that_locks_more_is_beyond() {
        let locking = |locking| Characteristics {
            locking,
            ..Characteristics::new()
        };
        let modes = [Locking::Deferred, Locking::Immediate, Locking::Exclusive];
        for (mode, usual) in [(Mode::Write, 1), (Mode::Read, 0)] {
            for (at, asked) in modes.into_iter().enumerate() {
                let beyond = |open| locking(Some(asked)).beyond::<Sqlite>(locking(open), mode);
                assert_eq!(beyond(None).is_some(), at > usual);
                assert_eq!(beyond(Some(Locking::Exclusive)), None);
                assert_eq!(beyond(Some(Locking::Deferred)).is_some(), at > 0);
            }
        }
        assert_eq!(
            locking(None).beyond::<Sqlite>(locking(None), Mode::Read),
            None
        );
    }

    #[test]
    fn deferrable_is_beyond_what_is_not() {
        let deferrable = Characteristics {
            deferrable: true,
            ..Characteristics::new()
        };
        let beyond = |open| deferrable.beyond::<Postgres>(open, Mode::Read);
        assert!(beyond(Characteristics::new()).is_some());
        assert_eq!(beyond(deferrable), None);
    }
}
