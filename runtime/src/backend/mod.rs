//! What differs between the engines, behind one trait.
//!
//! The rest of the crate asks only for `DB: Database`. [`of`] finds the
//! backend of a database type; a database this crate does not know, or whose
//! feature is off, is refused when the program is compiled.

// tidy: the trait that all engines implement, and what they share

#![cfg_attr(
    not(any(feature = "postgres", feature = "mysql", feature = "sqlite")),
    expect(dead_code, unused_imports, reason = "there is nothing to choose from")
)]

use std::{any::Any, fmt::Write, ops::Range, sync::LazyLock, time::Duration};

use futures_core::future::BoxFuture;
use sqlx::{Database, SqlStr};
use sqlx_core::transaction::TransactionManager;

#[cfg(feature = "mysql")]
mod mysql;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "sqlite")]
mod sqlite;
#[cfg(feature = "sqlite")]
pub(crate) use sqlite::progress_handler;
mod terms;
mod text;

pub(crate) use terms::{Extras, Interrupt, Mode, Session, Terms};
use terms::{only_postgres, only_sqlite};
pub(crate) use text::{Effect, Text};

use crate::{
    characteristics::Isolation,
    keys::{Claim, Token, Whereabouts},
    resolve::Number,
    state::Mark,
};

/// How far the damage of an error reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Damage {
    /// The statement alone; the transaction goes on.
    None,
    /// The engine may have ended the transaction; it has to be asked.
    #[cfg_attr(
        not(any(feature = "mysql", feature = "sqlite")),
        expect(dead_code, reason = "PostgreSQL says so when it ends one")
    )]
    Suspect,
    /// Everything since the innermost savepoint.
    Scope,
    /// The whole transaction.
    Transaction,
    /// The connection too: nothing more can be asked of it.
    Connection,
    /// The session too: the server itself has said farewell.
    Session,
}

/// What came of the attempt to end a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(
    not(any(feature = "postgres", feature = "mysql")),
    expect(dead_code, reason = "an embedded engine has no session")
)]
pub(crate) enum Ending {
    /// It is told to end.
    Ended,
    /// There is no such session any more, or it is in another transaction.
    Gone,
    /// Its transaction has committed and waits for a standby. Ended, it would show
    /// what may still be lost with this server.
    WaitsForStandby,
    /// This is another server.
    Elsewhere,
}

/// What is found on a connection that was out of sight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    /// Whether the transaction is the one that was marked.
    pub(crate) is_ours: bool,
    /// Whether the session would not keep what is written next.
    pub(crate) is_spoiled: bool,
}

impl From<bool> for Found {
    fn from(is_ours: bool) -> Self {
        Self {
            is_ours,
            is_spoiled: false,
        }
    }
}

/// What an error in answer to COMMIT says about the transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// It was rolled back, or can still be.
    Definite,
    /// It may have been committed.
    Unknown,
}

/// What the engine knows of an ended session's transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(
    not(feature = "postgres"),
    expect(dead_code, reason = "PostgreSQL alone can be asked")
)]
pub(crate) enum Asked {
    Committed,
    RolledBack,
    /// Its session has not ended yet.
    Open,
    /// It is too long ago, or this engine cannot be asked.
    Unknown,
}

/// The work of one engine. Every future but those of `begin`, `commit` and
/// `rollback` may be dropped half-way only if the connection is then closed.
pub(crate) trait Backend<DB: Database>: Send + Sync + 'static {
    /// The engine's name in spans and events.
    fn engine(&self) -> &'static str;

    /// What sqlx's own way to begin sends, where that is all and `restore` brings
    /// back a connection on which it was dropped half-way. What most transactions
    /// do then needs no box: see [`begin`](Self::begin).
    fn begin_in_place(&self, connection: &DB::Connection, terms: &Terms) -> Option<SqlStr> {
        let _ = (connection, terms);
        None
    }

    /// Begins. With an identity to tell, sqlx does not count the transaction.
    fn begin<'c>(
        &self,
        connection: &'c mut DB::Connection,
        terms: &Terms,
    ) -> BoxFuture<'c, Result<Session, sqlx::Error>>;

    /// Prepares for ending the statements of an embedded engine, in the midst of a
    /// transaction. Elsewhere there is nothing to prepare.
    fn interruptible<'c>(
        &self,
        connection: &'c mut DB::Connection,
    ) -> BoxFuture<'c, Result<Interrupt, sqlx::Error>> {
        let _ = connection;
        Box::pin(std::future::ready(Ok(Interrupt::default())))
    }

    /// Queues, behind whatever the connection has to do, that its statements run to their
    /// end again.
    fn lower_behind(&self, connection: &mut DB::Connection) {
        let _ = connection;
    }

    /// Whether BEGIN of a reader will change a setting of the connection that only the one
    /// who gets its answer can set back.
    fn reading_changes<'c>(
        &self,
        connection: &'c mut DB::Connection,
    ) -> BoxFuture<'c, Result<bool, sqlx::Error>> {
        let _ = connection;
        Box::pin(std::future::ready(Ok(true)))
    }

    /// SQL that sets back a limit that `begin` has set on the connection, where the end
    /// does not.
    fn reset_sql(&self, terms: &Terms) -> Option<SqlStr> {
        let _ = terms;
        None
    }

    /// What has to be undone on the connection after the end, and could not be
    /// in the same message.
    fn reset<'c>(
        &self,
        connection: &'c mut DB::Connection,
        terms: &Terms,
    ) -> Option<BoxFuture<'c, Result<(), sqlx::Error>>> {
        let _ = (connection, terms);
        None
    }

    /// Whether the engine itself keeps the limit of each statement.
    fn limits_statements(&self) -> bool {
        false
    }

    /// The first of `terms` that this engine cannot give.
    fn unsupported(&self, terms: &Terms) -> Option<&'static str> {
        only_postgres(terms).or_else(|| only_sqlite(terms))
    }

    /// The isolation that every transaction has here.
    fn least_isolation(&self) -> Isolation;

    /// Whether an error goes away when the whole transaction is run again. That
    /// is so only of one in answer to something other than COMMIT, or to a COMMIT
    /// that was refused.
    fn is_transient(&self, error: &sqlx::Error) -> bool;

    /// Whether the error says that the server has ended the session because the
    /// transaction was idle, or open, for too long.
    fn is_session_limit(&self, error: &sqlx::Error) -> bool {
        let _ = error;
        false
    }

    /// Whether the engine runs in this process. Then the one wait for a lock is
    /// that of BEGIN, and there is no session to end from elsewhere.
    fn is_embedded(&self) -> bool {
        false
    }

    /// Ends another session, if it is still that of the transaction of which `session`
    /// was told, which began `age` ago. It was `open` for so long before something was sent
    /// that ends it.
    fn end_session<'c>(
        &self,
        connection: &'c mut DB::Connection,
        session: &Session,
        age: Duration,
        open: Duration,
    ) -> BoxFuture<'c, Result<Ending, sqlx::Error>>;

    /// Asks what became of a transaction.
    fn committed<'c>(
        &self,
        connection: &'c mut DB::Connection,
        number: Number,
    ) -> BoxFuture<'c, Result<Asked, sqlx::Error>>;

    /// Writes an idempotency key with its token into their table, as one message,
    /// and tells which table that is, and as whom.
    fn claim<'c>(
        &self,
        connection: &'c mut DB::Connection,
        key: &'c str,
        token: Token,
    ) -> BoxFuture<'c, Result<Whereabouts, sqlx::Error>>;

    /// Writes a key with nobody's token where and as whom it was claimed, unless it
    /// is there, and gives the token that there is then, if that may be read.
    fn look_up<'c>(
        &self,
        connection: &'c mut DB::Connection,
        claim: &'c Claim,
    ) -> BoxFuture<'c, Result<Option<Token>, sqlx::Error>>;

    /// The isolation in which a statement reads what the one before it has waited
    /// for, where that is not so in every one.
    fn isolation_to_ask(&self) -> Option<Isolation> {
        None
    }

    /// The table of idempotency keys, as SQL that creates it where it is not.
    fn key_table(&self) -> &'static str;

    /// Whether sqlx's own way to commit is all, if sqlx counts the transaction. It
    /// then needs no box: see [`commit`](Self::commit).
    fn commits_in_place(&self, sets_back: bool) -> bool {
        let _ = sets_back;
        true
    }

    /// Commits, and sets back on the connection what `begin` has
    /// [changed](Session::sets_back).
    fn commit<'c>(
        &self,
        connection: &'c mut DB::Connection,
        sets_back: bool,
    ) -> BoxFuture<'c, Result<(), sqlx::Error>>;

    /// Rolls back, and sets back on the connection what `begin` has changed.
    fn rollback<'c>(
        &self,
        connection: &'c mut DB::Connection,
        sets_back: bool,
    ) -> BoxFuture<'c, Result<(), sqlx::Error>>;

    /// Brings a connection in whatever state back to a clean one, or fails. Whether the
    /// transaction with `mark` is known to have been committed before, though another one
    /// was aborted behind it.
    fn restore<'c>(
        &self,
        connection: &'c mut DB::Connection,
        sets_back: bool,
        mark: Option<Mark>,
    ) -> BoxFuture<'c, Result<bool, sqlx::Error>>;

    /// Asks, outside a transaction, whether the session would not keep what is written next.
    fn is_spoiled<'c>(
        &self,
        connection: &'c mut DB::Connection,
    ) -> BoxFuture<'c, Result<bool, sqlx::Error>> {
        let _ = connection;
        Box::pin(std::future::ready(Ok(false)))
    }

    /// Sets sqlx's own savepoint inside a transaction that is open. Dropped
    /// half-way, the outer transaction is as it was.
    fn nest<'c>(
        &self,
        connection: &'c mut DB::Connection,
    ) -> BoxFuture<'c, Result<(), sqlx::Error>>;

    /// How many savepoints there are after the same name was set twice.
    fn savepoints_of_a_name(&self) -> usize;

    /// Queues a rollback on a connection whose transaction sqlx does not know,
    /// without waiting. Whether that was possible.
    fn abandon(&self, connection: &mut DB::Connection, sets_back: bool) -> bool;

    /// Queues, before such a rollback, what it needs to find: sqlx goes on counting a
    /// transaction that the engine has ended, if its rollback fails.
    fn prepare_to_abandon(&self, connection: &mut DB::Connection) {
        let _ = connection;
    }

    /// Lets sqlx's count catch up with what was queued, without a future to wait in.
    fn catch_up(&self, connection: &mut DB::Connection) {
        let _ = connection;
    }

    /// What sqlx counts on the connection once everything queued is done.
    fn settled_depth<'c>(
        &self,
        connection: &'c mut DB::Connection,
    ) -> BoxFuture<'c, Result<usize, sqlx::Error>>;

    /// Waits for what is in flight and takes in errors nobody waits for.
    fn settle<'c>(
        &self,
        connection: &'c mut DB::Connection,
    ) -> BoxFuture<'c, Result<(), sqlx::Error>>;

    /// Runs SQL of this crate's own that takes no parameters.
    fn run<'c>(
        &self,
        connection: &'c mut DB::Connection,
        sql: SqlStr,
    ) -> BoxFuture<'c, Result<(), sqlx::Error>>;

    /// Makes the connection fit for code that uses sqlx's own nesting.
    fn expose<'c>(
        &self,
        connection: &'c mut DB::Connection,
    ) -> BoxFuture<'c, Result<(), sqlx::Error>>;

    /// Has sqlx count the transaction that is open from here on, by way of `sql`.
    fn count<'c>(
        &self,
        connection: &'c mut DB::Connection,
        sql: SqlStr,
    ) -> BoxFuture<'c, Result<(), sqlx::Error>> {
        Box::pin(DB::TransactionManager::begin(connection, Some(sql)))
    }

    /// What marks the transaction that is open, so that another can be told from it.
    fn mark_sql(&self, mark: Mark) -> String;

    /// Whether the mark outlives that it is looked for, and the RELEASE of a savepoint
    /// that was set before it.
    fn keeps_marks(&self) -> bool {
        false
    }

    /// Asks the engine whether the transaction that is open is the one with `mark`, or,
    /// without one, only whether the answers are in step: an error where they are not,
    /// or where the transaction is aborted. Sends nothing that could commit.
    fn prove<'c>(
        &self,
        connection: &'c mut DB::Connection,
        mark: Option<Mark>,
    ) -> BoxFuture<'c, Result<Found, sqlx::Error>>;

    /// Asks the engine whether a transaction is open and can go on: `Ok(false)` when
    /// there is none, an error when it is aborted or the answers are out of step. Sends
    /// nothing that could commit.
    fn verify<'c>(
        &self,
        connection: &'c mut DB::Connection,
    ) -> BoxFuture<'c, Result<bool, sqlx::Error>>;

    /// How far the damage of a statement's error reaches.
    fn damage(&self, error: &sqlx::Error) -> Damage;

    /// The same of a statement that waits for locks, or does not.
    fn damage_of(&self, error: &sqlx::Error, no_wait: bool) -> Damage {
        let _ = no_wait;
        self.damage(error)
    }

    /// Whether a savepoint was not there, or no transaction around it.
    fn is_no_savepoint(&self, error: &sqlx::Error) -> bool;

    /// Whether BEGIN failed because of the state in which it found the connection:
    /// lost, or inside a transaction of somebody else's.
    fn is_found_unfit(&self, error: &sqlx::Error) -> bool {
        self.damage(error) >= Damage::Scope
    }

    /// What an error in answer to COMMIT means.
    fn refusal(&self, error: &sqlx::Error) -> Refusal;

    /// What a statement's text says about the transaction it is sent in.
    fn text(&self, sql: &str) -> Text;

    /// Whether the protocol survives a statement's future dropped half-way.
    fn survives_interruption(&self) -> bool;

    /// How long a connection may take to become clean before it is closed.
    fn patience(&self) -> Duration;
}

/// An answer was not the one to what was asked.
#[cfg(any(feature = "postgres", feature = "mysql"))]
#[cold]
fn out_of_step() -> sqlx::Error {
    sqlx::Error::Protocol("an answer belongs to something else that was sent".to_owned())
}

/// The name of this crate's savepoint `number` in a transaction at `level`. It is
/// nobody else's: neither the user's, nor that of another process behind a pooler, nor
/// that of a function which was called with the connection. And there are few of them,
/// so that their texts do not fill the server's statistics of statements.
pub(crate) fn savepoint_name(level: usize, number: u32) -> String {
    static PROCESS: LazyLock<u32> = LazyLock::new(|| fastrand::u32(..));
    format!("sqlx_transactional_{:08x}_{level}_{number}", *PROCESS)
}

/// SQL that sets sqlx's own savepoints of these depths. sqlx goes back to each that it
/// counts, and those that something else took along are missed.
pub(crate) fn nested_sql(depths: Range<usize>) -> String {
    depths.fold(String::new(), |mut sql, depth| {
        let _ = write!(sql, "SAVEPOINT _sqlx_savepoint_{depth}; ");
        sql
    })
}

/// Whether sqlx's own way to commit is all.
pub(crate) fn commits_in_place<DB: Database>(connection: &DB::Connection, sets_back: bool) -> bool {
    depth::<DB>(connection) > 0 && of::<DB>().commits_in_place(sets_back)
}

/// How many transactions and savepoints sqlx counts on `connection`.
pub(crate) fn depth<DB: Database>(connection: &DB::Connection) -> usize {
    <DB::TransactionManager as TransactionManager>::get_transaction_depth(connection)
}

/// The backend of `DB`.
pub(crate) fn of<DB: Database>() -> &'static dyn Backend<DB> {
    const {
        assert!(
            is_supported(DB::NAME),
            "sqlx-transactional knows PostgreSQL, MySQL and SQLite: enable its feature \
             `postgres`, `mysql` or `sqlite` for the database type used here"
        );
    }
    #[cfg(feature = "postgres")]
    if let Some(backend) = cast::<sqlx::Postgres, DB>(&postgres::PostgresBackend) {
        return backend;
    }
    #[cfg(feature = "mysql")]
    if let Some(backend) = cast::<sqlx::MySql, DB>(&mysql::MySqlBackend) {
        return backend;
    }
    #[cfg(feature = "sqlite")]
    if let Some(backend) = cast::<sqlx::Sqlite, DB>(&sqlite::SqliteBackend) {
        return backend;
    }
    unreachable!("a database named {} that is not sqlx's own", DB::NAME)
}

/// Gives `backend` back as one of `To`, when that is the very same database.
#[cfg(any(feature = "postgres", feature = "mysql", feature = "sqlite"))]
fn cast<From: Database, To: Database>(
    backend: &'static dyn Backend<From>,
) -> Option<&'static dyn Backend<To>> {
    (&backend as &dyn Any).downcast_ref().copied()
}

const fn is_supported(name: &str) -> bool {
    (cfg!(feature = "postgres") && same(name, "PostgreSQL"))
        || (cfg!(feature = "mysql") && same(name, "MySQL"))
        || (cfg!(feature = "sqlite") && same(name, "SQLite"))
}

const fn same(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    if a.len() != b.len() {
        return false;
    }
    let mut i = 0;
    while i < a.len() {
        if a[i] != b[i] {
            return false;
        }
        i += 1;
    }
    true
}

/// Whether an error of the driver's says that a connection to a server is gone, or
/// may be out of step. A database's own error is for its engine to judge.
#[cfg(any(feature = "postgres", feature = "mysql"))]
fn is_broken(error: &sqlx::Error) -> bool {
    let out_of_step = matches!(
        error,
        sqlx::Error::Protocol(_) | sqlx::Error::Tls(_) | sqlx::Error::BeginFailed
    );
    out_of_step || is_cut(error)
}

/// Whether an error of the driver's says that the connection was cut, for a reason
/// that another connection need not meet. What sqlx calls a violation of the protocol
/// is more often a wrong number of parameters.
fn is_cut(error: &sqlx::Error) -> bool {
    matches!(
        error,
        sqlx::Error::Io(_) | sqlx::Error::WorkerCrashed | sqlx::Error::AnyDriverError(_)
    )
}

#[cfg(test)]
mod tests;
