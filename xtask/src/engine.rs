//! The database engines everything is tested on, and the pooler in front of one.

/// One engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Engine {
    /// Compiled into the tests.
    Sqlite,
    /// A private server.
    Postgres,
    /// A private server, which speaks the protocol of MySQL.
    MariaDb,
    /// A private pooler in front of the PostgreSQL.
    PgBouncer,
}

impl Engine {
    /// All of them, those that another needs first.
    pub(crate) const ALL: [Self; 4] =
        [Self::Sqlite, Self::Postgres, Self::MariaDb, Self::PgBouncer];

    /// What people call it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite",
            Self::Postgres => "PostgreSQL",
            Self::MariaDb => "MariaDB",
            Self::PgBouncer => "PgBouncer",
        }
    }

    /// What the tests and the features of the crate call it.
    pub(crate) fn key(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
            Self::MariaDb => "mysql",
            Self::PgBouncer => "pgbouncer",
        }
    }

    /// The Debian package to install it from, if it is a server.
    pub(crate) fn package(self) -> Option<&'static str> {
        match self {
            Self::Sqlite => None,
            Self::Postgres => Some("postgresql"),
            Self::MariaDb => Some("mariadb-server"),
            Self::PgBouncer => Some("pgbouncer"),
        }
    }
}

/// What became of an engine in this run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum State {
    /// It is there, in this version.
    Up(String),
    /// Nothing that was asked for uses it.
    Unused,
    /// It is not installed, and why that is so.
    Missing(String),
    /// It is installed but did not start, and why.
    Broken(String),
}

impl State {
    /// Whether tests can use the engine.
    pub(crate) fn is_up(&self) -> bool {
        matches!(self, Self::Up(_))
    }

    /// Whether the engine should be there and is not.
    pub(crate) fn is_missing(&self) -> bool {
        matches!(self, Self::Missing(_) | Self::Broken(_))
    }
}
