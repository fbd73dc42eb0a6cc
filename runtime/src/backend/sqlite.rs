//! SQLite: some errors roll the whole transaction back without sqlx noticing,
//! and read-only is a setting of the connection.

// tidy: one engine, one implementation of the trait

mod progress;

use std::{pin::pin, thread, time::Duration};

use futures_core::future::BoxFuture;
use futures_util::{FutureExt, TryStreamExt};
use sqlx::{
    AssertSqlSafe, Connection, Executor, Row, SqlSafeStr, SqlStr, Sqlite, SqliteConnection,
    sqlite::SqliteTransactionManager,
};
use sqlx_core::transaction::TransactionManager;

pub(crate) use self::progress::progress_handler;
use self::progress::{LOWER, interruptible};
use crate::{
    characteristics::{Isolation, Locking},
    keys::{Claim, Token, Whereabouts, hex},
    resolve::Number,
    state::Mark,
};

use super::{
    Asked, Backend, Damage, Ending, Found, Interrupt, Mode, Refusal, Session, Terms, Text, is_cut,
    nested_sql, only_postgres, savepoint_name,
    text::{Dialect, read},
};

/// A reader's transaction stays unknown to sqlx (depth 0), because sqlx's own
/// COMMIT could not carry the reset of `query_only` in the same message.
const COMMIT_READ: &str = "COMMIT; PRAGMA query_only = 0";
const ROLLBACK_READ: &str = "ROLLBACK; PRAGMA query_only = 0";
const RESET_READ: &str = "PRAGMA query_only = 0";

/// A connection that only queries is refused the lock of one who writes, so there
/// the order is the other way round. The first row tells what `query_only` was: an
/// application may have made the connection one that only reads.
fn begin_sql(terms: &Terms) -> SqlStr {
    let begin = plain_begin_sql(terms);
    match terms.mark {
        None => SqlStr::from_static(begin),
        Some(mark) => {
            let mark = SqliteBackend.mark_sql(mark);
            AssertSqlSafe(format!("{begin}; {mark}")).into_sql_str()
        }
    }
}

fn plain_begin_sql(terms: &Terms) -> &'static str {
    let (mode, locking) = (terms.mode, terms.characteristics.locking);
    match (mode, locking.unwrap_or(Locking::of(mode))) {
        (Mode::Write, Locking::Deferred) => "BEGIN DEFERRED",
        (Mode::Write, Locking::Immediate) => "BEGIN IMMEDIATE",
        (Mode::Write, Locking::Exclusive) => "BEGIN EXCLUSIVE",
        (Mode::Read, Locking::Deferred) => {
            "PRAGMA query_only; PRAGMA query_only = 1; BEGIN DEFERRED"
        }
        (Mode::Read, Locking::Immediate) => {
            "BEGIN IMMEDIATE; PRAGMA query_only; PRAGMA query_only = 1"
        }
        (Mode::Read, Locking::Exclusive) => {
            "BEGIN EXCLUSIVE; PRAGMA query_only; PRAGMA query_only = 1"
        }
    }
}

#[derive(Debug)]
pub(super) struct SqliteBackend;

impl Backend<Sqlite> for SqliteBackend {
    fn engine(&self) -> &'static str {
        "sqlite"
    }

    fn begin<'c>(
        &self,
        connection: &'c mut SqliteConnection,
        terms: &Terms,
    ) -> BoxFuture<'c, Result<Session, sqlx::Error>> {
        let (mode, begin) = (terms.mode, begin_sql(terms));
        Box::pin(async move {
            let sets_back = match mode {
                Mode::Write => {
                    SqliteTransactionManager::begin(connection, Some(begin)).await?;
                    false
                }
                Mode::Read => begin_reading(connection, begin).await?,
            };
            Ok(Session {
                sets_back,
                ..Session::default()
            })
        })
    }

    fn interruptible<'c>(
        &self,
        connection: &'c mut SqliteConnection,
    ) -> BoxFuture<'c, Result<Interrupt, sqlx::Error>> {
        Box::pin(interruptible(connection))
    }

    fn lower_behind(&self, connection: &mut SqliteConnection) {
        // Prepared anew, so that it is too short for the progress handler to be asked.
        let lower = sqlx::raw_sql(LOWER);
        let _ = lower.execute(connection).now_or_never();
    }

    fn reading_changes<'c>(
        &self,
        connection: &'c mut SqliteConnection,
    ) -> BoxFuture<'c, Result<bool, sqlx::Error>> {
        Box::pin(async move {
            let set = connection.fetch_one("PRAGMA query_only").await?;
            Ok(!set.try_get::<bool, _>(0)?)
        })
    }

    #[inline]
    fn is_embedded(&self) -> bool {
        true
    }

    #[inline]
    fn unsupported(&self, terms: &Terms) -> Option<&'static str> {
        only_postgres(terms)
    }

    /// <https://sqlite.org/isolation.html>
    fn least_isolation(&self) -> Isolation {
        Isolation::Serializable
    }

    /// BUSY and LOCKED, with `BUSY_SNAPSHOT` and their other extended codes; PROTOCOL,
    /// which is a race between two that begin; and a worker that is gone.
    fn is_transient(&self, error: &sqlx::Error) -> bool {
        match code(error) {
            Some(code) => matches!(code & 0xff, 5 | 6 | 15),
            None => is_cut(error),
        }
    }

    /// There is no server, and so no session.
    fn end_session<'c>(
        &self,
        _: &'c mut SqliteConnection,
        _: &Session,
        _: Duration,
        _: Duration,
    ) -> BoxFuture<'c, Result<Ending, sqlx::Error>> {
        Box::pin(std::future::ready(Ok(Ending::Gone)))
    }

    fn committed<'c>(
        &self,
        _: &'c mut SqliteConnection,
        _: Number,
    ) -> BoxFuture<'c, Result<Asked, sqlx::Error>> {
        Box::pin(std::future::ready(Ok(Asked::Unknown)))
    }

    fn claim<'c>(
        &self,
        connection: &'c mut SqliteConnection,
        key: &'c str,
        token: Token,
    ) -> BoxFuture<'c, Result<Whereabouts, sqlx::Error>> {
        let insert = format!(
            "INSERT INTO sqlx_transactional_keys (key, token) \
             VALUES (CAST(x'{}' AS TEXT), x'{token}')",
            hex(key)
        );
        Box::pin(async move {
            let insert = sqlx::raw_sql(AssertSqlSafe(insert));
            insert.execute(connection).await?;
            Ok(Whereabouts::default())
        })
    }

    fn look_up<'c>(
        &self,
        connection: &'c mut SqliteConnection,
        claim: &'c Claim,
    ) -> BoxFuture<'c, Result<Option<Token>, sqlx::Error>> {
        let (table, key, nobody) = (claim.place.table(), hex(&claim.key), Token::NONE);
        let look = format!(
            "INSERT INTO {table} (key, token) VALUES (CAST(x'{key}' AS TEXT), x'{nobody}') \
             ON CONFLICT DO NOTHING; \
             SELECT lower(hex(token)) FROM {table} WHERE key = CAST(x'{key}' AS TEXT)"
        );
        Box::pin(async move {
            let rows = sqlx::raw_sql(AssertSqlSafe(look));
            let rows = rows.fetch_all(connection).await?;
            let token: Option<String> = rows.last().and_then(|row| row.try_get(0).ok());
            Ok(token.as_deref().and_then(Token::read))
        })
    }

    fn key_table(&self) -> &'static str {
        include_str!("../../keys/sqlite.sql")
    }

    #[inline]
    fn commits_in_place(&self, sets_back: bool) -> bool {
        !sets_back
    }

    fn commit<'c>(
        &self,
        connection: &'c mut SqliteConnection,
        sets_back: bool,
    ) -> BoxFuture<'c, Result<(), sqlx::Error>> {
        Box::pin(async move {
            if depth(connection) == 0 {
                let commit = if sets_back { COMMIT_READ } else { "COMMIT" };
                return connection.execute(commit).await.map(drop);
            }
            SqliteTransactionManager::commit(connection).await?;
            set_back(connection, sets_back).await
        })
    }

    fn rollback<'c>(
        &self,
        connection: &'c mut SqliteConnection,
        sets_back: bool,
    ) -> BoxFuture<'c, Result<(), sqlx::Error>> {
        Box::pin(async move {
            if depth(connection) == 0 {
                let rollback = if sets_back { ROLLBACK_READ } else { "ROLLBACK" };
                return connection.execute(rollback).await.map(drop);
            }
            SqliteTransactionManager::rollback(connection).await?;
            set_back(connection, sets_back).await
        })
    }

    /// Whatever happened, SQLite may have ended the transaction while sqlx still
    /// counts it. `BEGIN` makes the two agree: it fails where a transaction is
    /// open and opens one where there is none, and the rollback ends it.
    fn restore<'c>(
        &self,
        connection: &'c mut SqliteConnection,
        sets_back: bool,
        _: Option<Mark>,
    ) -> BoxFuture<'c, Result<bool, sqlx::Error>> {
        Box::pin(async move {
            connection.ping().await?;
            if let Err(error) = connection.execute("BEGIN").await
                && !is_generic(&error)
            {
                return Err(error);
            }
            if depth(connection) == 0 {
                connection.execute("ROLLBACK").await?;
            }
            if depth(connection) > 1 {
                let nested = nested_sql(1..depth(connection));
                connection.execute(AssertSqlSafe(nested)).await?;
            }
            while depth(connection) > 0 {
                SqliteTransactionManager::rollback(connection).await?;
            }
            set_back(connection, sets_back).await?;
            Ok(false)
        })
    }

    /// sqlx's worker undoes a savepoint whose answer nobody took.
    fn nest<'c>(
        &self,
        connection: &'c mut SqliteConnection,
    ) -> BoxFuture<'c, Result<(), sqlx::Error>> {
        Box::pin(SqliteTransactionManager::begin(connection, None))
    }

    fn savepoints_of_a_name(&self) -> usize {
        2
    }

    /// A command is in the worker's queue after one poll, and runs even when
    /// nobody takes its answer.
    fn abandon(&self, connection: &mut SqliteConnection, sets_back: bool) -> bool {
        let reset = sets_back.then_some(RESET_READ);
        for sql in ["ROLLBACK"].into_iter().chain(reset) {
            let _ = connection.execute(sql).now_or_never();
        }
        true
    }

    /// `BEGIN` fails where a transaction is open, and opens one where there is none.
    fn prepare_to_abandon(&self, connection: &mut SqliteConnection) {
        // Each by itself, because the worker stops where nobody takes the answer.
        let nested = (1..depth(connection)).map(|level| nested_sql(level..level + 1));
        for sql in ["BEGIN".to_owned()].into_iter().chain(nested) {
            let _ = connection.execute(AssertSqlSafe(sql)).now_or_never();
        }
    }

    /// The worker is a thread of its own and answers whoever stands still for that, a
    /// second at most. What it has to do is a rollback to a savepoint, which is short,
    /// unless a statement that runs for longer comes first.
    fn catch_up(&self, connection: &mut SqliteConnection) {
        const LOOKS: u32 = 2_000;
        let mut done = pin!(connection.ping());
        for _ in 0..LOOKS {
            if done.as_mut().now_or_never().is_some() {
                break;
            }
            thread::sleep(Duration::from_micros(500));
        }
    }

    /// The worker counts when it gets there.
    fn settled_depth<'c>(
        &self,
        connection: &'c mut SqliteConnection,
    ) -> BoxFuture<'c, Result<usize, sqlx::Error>> {
        Box::pin(async move {
            connection.ping().await?;
            Ok(depth(connection))
        })
    }

    fn settle<'c>(
        &self,
        connection: &'c mut SqliteConnection,
    ) -> BoxFuture<'c, Result<(), sqlx::Error>> {
        Box::pin(connection.ping())
    }

    fn run<'c>(
        &self,
        connection: &'c mut SqliteConnection,
        sql: SqlStr,
    ) -> BoxFuture<'c, Result<(), sqlx::Error>> {
        Box::pin(async move { connection.execute(sql).await.map(drop) })
    }

    fn expose<'c>(
        &self,
        connection: &'c mut SqliteConnection,
    ) -> BoxFuture<'c, Result<(), sqlx::Error>> {
        Box::pin(async move {
            if depth(connection) == 0 {
                // Raises sqlx's depth to the truth, so that code which calls
                // `Connection::begin` makes a savepoint.
                let nothing = SqlStr::from_static("SELECT 1");
                SqliteTransactionManager::begin(connection, Some(nothing)).await?;
            }
            Ok(())
        })
    }

    fn mark_sql(&self, mark: Mark) -> String {
        let (once, again) = (
            mark_name(mark),
            mark_name(Mark {
                again: true,
                ..mark
            }),
        );
        format!("SAVEPOINT {again}; SAVEPOINT {once}")
    }

    /// Answers come through a channel of their own, and so are always in step.
    fn prove<'c>(
        &self,
        connection: &'c mut SqliteConnection,
        mark: Option<Mark>,
    ) -> BoxFuture<'c, Result<Found, sqlx::Error>> {
        Box::pin(async move {
            let Some(mark) = mark else {
                return Ok(true.into());
            };
            let release = format!("RELEASE SAVEPOINT {}", mark_name(mark));
            match connection.execute(AssertSqlSafe(release)).await {
                Ok(_) => Ok(true.into()),
                Err(error) if is_generic(&error) => Ok(false.into()),
                Err(error) => Err(error),
            }
        })
    }

    fn verify<'c>(
        &self,
        connection: &'c mut SqliteConnection,
    ) -> BoxFuture<'c, Result<bool, sqlx::Error>> {
        Box::pin(async move {
            match connection.execute("BEGIN").await {
                Ok(_) => {
                    connection.execute("ROLLBACK").await?;
                    Ok(false)
                }
                Err(error) if is_generic(&error) => Ok(true),
                Err(error) => Err(error),
            }
        })
    }

    /// sqlx's violation of the protocol is one by the parameters: the statement did
    /// not run, and there is no protocol to be out of step.
    fn damage(&self, error: &sqlx::Error) -> Damage {
        let Some(code) = code(error) else {
            return match error {
                error if is_cut(error) => Damage::Connection,
                sqlx::Error::BeginFailed => Damage::Transaction,
                _ => Damage::None,
            };
        };
        match code & 0xff {
            // NOMEM, INTERRUPT, IOERR, CORRUPT, FULL: may have rolled back
            // (sqlite.org/lang_transaction.html, "Response To Errors").
            7 | 9 | 10 | 11 | 13 => Damage::Transaction,
            // BUSY_SNAPSHOT: this transaction can never write any more.
            5 if code == 517 => Damage::Transaction,
            _ => Damage::Suspect,
        }
    }

    /// `BEGIN` inside a transaction is a plain error here.
    fn is_found_unfit(&self, error: &sqlx::Error) -> bool {
        is_generic(error) || self.damage(error) >= Damage::Scope
    }

    fn is_no_savepoint(&self, error: &sqlx::Error) -> bool {
        is_generic(error)
    }

    fn refusal(&self, error: &sqlx::Error) -> Refusal {
        match code(error) {
            Some(_) => Refusal::Definite,
            None => Refusal::Unknown,
        }
    }

    #[inline]
    fn text(&self, sql: &str) -> Text {
        read(sql, Dialect::Sqlite)
    }

    /// A statement runs in sqlx's worker thread and is waited for there.
    #[inline]
    fn survives_interruption(&self) -> bool {
        true
    }

    /// Long, because nothing can end the statement that runs, and closing the
    /// connection of a database in memory would lose the database.
    #[inline]
    fn patience(&self) -> Duration {
        Duration::from_secs(10)
    }
}

/// Begins on a connection that only queries from then on, and gives whether it did not
/// before. If that fails, it is what it was.
async fn begin_reading(
    connection: &mut SqliteConnection,
    begin: SqlStr,
) -> Result<bool, sqlx::Error> {
    let mut was_set = None;
    let opened = async {
        let mut answers = connection.fetch(sqlx::raw_sql(begin));
        while let Some(row) = answers.try_next().await? {
            was_set = Some(row.try_get::<bool, _>(0)?);
        }
        Ok(())
    };
    let opened: Result<(), sqlx::Error> = opened.await;
    let sets_back = was_set == Some(false);
    if opened.is_err() {
        set_back(connection, sets_back).await?;
    }
    opened.map(|()| sets_back)
}

async fn set_back(connection: &mut SqliteConnection, sets_back: bool) -> Result<(), sqlx::Error> {
    if sets_back {
        connection.execute(RESET_READ).await?;
    }
    Ok(())
}

/// The savepoint that marks a transaction.
fn mark_name(mark: Mark) -> String {
    let suffix = if mark.again { "_again" } else { "_mark" };
    savepoint_name(mark.level, mark.number) + suffix
}

fn depth(connection: &SqliteConnection) -> usize {
    SqliteTransactionManager::get_transaction_depth(connection)
}

/// The extended result code.
fn code(error: &sqlx::Error) -> Option<i32> {
    error.as_database_error()?.code()?.parse().ok()
}

/// `SQLITE_ERROR`, which is what `BEGIN` inside a transaction answers.
fn is_generic(error: &sqlx::Error) -> bool {
    code(error) == Some(1)
}
