//! MySQL and MariaDB: most errors undo one statement, a deadlock undoes the
//! whole transaction, and DDL commits it without saying so.

// tidy: one engine, one implementation of the trait

use std::{panic::AssertUnwindSafe, time::Duration};

use futures_core::future::BoxFuture;
use futures_util::FutureExt;
use sqlx::{
    AssertSqlSafe, Connection, Executor, MySql, MySqlConnection, Row, SqlSafeStr, SqlStr,
    mysql::{MySqlDatabaseError, MySqlTransactionManager},
};
use sqlx_core::transaction::TransactionManager;

use crate::{
    characteristics::Isolation,
    error::{Error, Kind},
    keys::{Claim, Token, Whereabouts, hex},
    resolve::Number,
    state::{Mark, fresh_number},
};

use super::{
    Asked, Backend, Damage, Ending, Found, Mode, Refusal, Session, Terms, Text, is_broken, is_cut,
    nested_sql, out_of_step, savepoint_name,
    text::{Dialect, read},
};

/// `SET TRANSACTION` without a scope is refused inside a transaction with this number
/// (`ER_CANT_CHANGE_TX_CHARACTERISTICS`).
const INSIDE_A_TRANSACTION: u16 = 1568;

/// `ER_SP_DOES_NOT_EXIST`, whose message names the savepoint.
const NO_SUCH_SAVEPOINT: u16 = 1305;

/// `ER_NO_SUCH_THREAD`, in answer to KILL.
const NO_SUCH_SESSION: u16 = 1094;

/// What tells this server from others at the same address. MariaDB has no
/// `server_uuid`, and reads past the comment that is for MySQL from 5.7.1 on.
const SERVER: &str = "CAST(CRC32(CONCAT_WS('/', @@hostname, @@port, @@datadir, @@pid_file, \
                      @@server_id /*!50701 , @@server_uuid */)) AS UNSIGNED)";

/// `ER_LOCK_WAIT_TIMEOUT`. It is also MariaDB's answer to NOWAIT.
const LOCK_WAIT: u16 = 1205;

/// How often an answer is asked for, where errors that nobody waited for come first.
const TRIES: u32 = 6;

#[derive(Debug)]
pub(super) struct MySqlBackend;

impl Backend<MySql> for MySqlBackend {
    fn engine(&self) -> &'static str {
        "mysql"
    }

    fn begin<'c>(
        &self,
        connection: &'c mut MySqlConnection,
        terms: &Terms,
    ) -> BoxFuture<'c, Result<Session, sqlx::Error>> {
        // Counted by sqlx, which alone can queue a ROLLBACK when this is dropped, and whose
        // nesting whoever gets the connection may use.
        let is_counted = terms.lent || terms.mark.is_some();
        let identify = terms.identify;
        let (up_to_date, mut begin) = (terms.up_to_date, begin_sql(terms));
        Box::pin(async move {
            if up_to_date && is_clustered(connection).await? {
                begin.insert_str(0, SET_SYNC_WAIT);
            }
            if identify {
                return begin_and_tell(connection, &begin).await;
            }
            let sets_back = if is_counted {
                begin_counted(connection, &begin).await?
            } else {
                connection.execute(AssertSqlSafe(begin)).await?;
                false
            };
            Ok(Session {
                sets_back,
                ..Session::default()
            })
        })
    }

    fn commits_in_place(&self, sets_back: bool) -> bool {
        !sets_back
    }

    fn commit<'c>(
        &self,
        connection: &'c mut MySqlConnection,
        sets_back: bool,
    ) -> BoxFuture<'c, Result<(), sqlx::Error>> {
        Box::pin(async move {
            if depth(connection) == 0 {
                return connection.execute(COMMIT).await.map(drop);
            }
            MySqlTransactionManager::commit(connection).await?;
            // What is committed is, whatever comes of the setting.
            let _ = set_back(connection, sets_back).await;
            Ok(())
        })
    }

    fn rollback<'c>(
        &self,
        connection: &'c mut MySqlConnection,
        sets_back: bool,
    ) -> BoxFuture<'c, Result<(), sqlx::Error>> {
        Box::pin(async move {
            if depth(connection) == 0 {
                return connection.execute(ROLLBACK).await.map(drop);
            }
            MySqlTransactionManager::rollback(connection).await?;
            set_back(connection, sets_back).await
        })
    }

    fn reset_sql(&self, terms: &Terms) -> Option<SqlStr> {
        let is_set = terms.limits.lock_timeout.is_some();
        is_set.then(|| SqlStr::from_static(RESET_LOCK_TIMEOUT))
    }

    fn reset<'c>(
        &self,
        connection: &'c mut MySqlConnection,
        terms: &Terms,
    ) -> Option<BoxFuture<'c, Result<(), sqlx::Error>>> {
        let (up_to_date, reset) = (terms.up_to_date, self.reset_sql(terms));
        if !up_to_date && reset.is_none() {
            return None;
        }
        Some(Box::pin(async move {
            if let Some(reset) = reset {
                connection.execute(reset).await?;
            }
            if up_to_date && is_clustered(connection).await? {
                connection.execute(RESET_SYNC_WAIT).await?;
            }
            Ok(())
        }))
    }

    fn least_isolation(&self) -> Isolation {
        Isolation::ReadUncommitted
    }

    /// Deadlock, lock wait, record changed (MariaDB's snapshot isolation, Galera),
    /// table changed behind the snapshot, deadlock of named locks, a temporary error
    /// (NDB Cluster), a COMMIT that group replication refused; and a connection that is
    /// gone for a reason that the next one need not meet.
    fn is_transient(&self, error: &sqlx::Error) -> bool {
        match number(error) {
            // Behind those: not prepared for queries, shut down, killed, the line to the
            // client.
            Some(number) => matches!(
                number,
                1213 | 1205
                    | 1020
                    | 1412
                    | 3058
                    | 1297
                    | 3101
                    | 1047
                    | 1053
                    | 1927
                    | 3169
                    | 1080
                    | 1152
                    | 1158..=1161 | 1184
            ),
            None => is_cut(error) || is_class_08(error),
        }
    }

    /// Servers behind one address give the same numbers at the same time, and one that
    /// was started again gives them anew.
    fn end_session<'c>(
        &self,
        connection: &'c mut MySqlConnection,
        session: &Session,
        age: Duration,
        _: Duration,
    ) -> BoxFuture<'c, Result<Ending, sqlx::Error>> {
        let (Some(id), Some(server)) = (session.id, session.server) else {
            return Box::pin(std::future::ready(Ok(Ending::Gone)));
        };
        Box::pin(async move {
            let asked = format!(
                "SELECT {SERVER}; SHOW GLOBAL STATUS LIKE 'Uptime'; \
                 SELECT state FROM information_schema.processlist WHERE id = {id}"
            );
            let asked = sqlx::raw_sql(AssertSqlSafe(asked)).fetch_all(&mut *connection);
            let rows = asked.await?;
            let [here, uptime, state @ ..] = &rows[..] else {
                return Err(sqlx::Error::RowNotFound);
            };
            if here.try_get::<u64, _>(0)? != server {
                return Ok(Ending::Elsewhere);
            }
            // It is the difference of two moments in whole seconds.
            let uptime: u64 = uptime.try_get::<&str, _>(1)?.parse().unwrap_or_default();
            let is_new = Duration::from_secs(uptime.saturating_sub(1)) < age;
            let state = match state.first() {
                Some(state) if !is_new => state.try_get::<Option<&str>, _>(0)?,
                _ => return Ok(Ending::Gone),
            };
            if state.is_some_and(|state| state.starts_with("Waiting for semi-sync ACK")) {
                return Ok(Ending::WaitsForStandby);
            }
            match connection
                .execute(AssertSqlSafe(format!("KILL {id}")))
                .await
            {
                Ok(_) => Ok(Ending::Ended),
                Err(error) if number(&error) == Some(NO_SUCH_SESSION) => Ok(Ending::Gone),
                Err(error) => Err(error),
            }
        })
    }

    fn committed<'c>(
        &self,
        _: &'c mut MySqlConnection,
        _: Number,
    ) -> BoxFuture<'c, Result<Asked, sqlx::Error>> {
        Box::pin(std::future::ready(Ok(Asked::Unknown)))
    }

    fn claim<'c>(
        &self,
        connection: &'c mut MySqlConnection,
        key: &'c str,
        token: Token,
    ) -> BoxFuture<'c, Result<Whereabouts, sqlx::Error>> {
        let key = hex(key);
        let insert = format!(
            "INSERT INTO sqlx_transactional_keys (`key`, token) VALUES (x'{key}', x'{token}'); \
             SELECT CONCAT('`', REPLACE(DATABASE(), '`', '``'), '`')"
        );
        Box::pin(async move {
            Ok(Whereabouts {
                schema: told(connection, insert).await?.map(Into::into),
                role: None,
            })
        })
    }

    /// A locking read sees what is committed in every isolation, and asks for no
    /// more than the privilege to read (manual, 15.7.2.4).
    fn look_up<'c>(
        &self,
        connection: &'c mut MySqlConnection,
        claim: &'c Claim,
    ) -> BoxFuture<'c, Result<Option<Token>, sqlx::Error>> {
        let (table, key, nobody) = (claim.place.table(), hex(&claim.key), Token::NONE);
        let look = format!(
            "INSERT IGNORE INTO {table} (`key`, token) VALUES (x'{key}', x'{nobody}'); \
             SELECT LOWER(HEX(token)) FROM {table} WHERE `key` = x'{key}' LOCK IN SHARE MODE"
        );
        Box::pin(async move {
            let token = told(connection, look).await?;
            Ok(token.as_deref().and_then(Token::read))
        })
    }

    fn key_table(&self) -> &'static str {
        include_str!("../../keys/mysql.sql")
    }

    fn restore<'c>(
        &self,
        connection: &'c mut MySqlConnection,
        sets_back: bool,
        _: Option<Mark>,
    ) -> BoxFuture<'c, Result<bool, sqlx::Error>> {
        Box::pin(async move {
            // What was not seen may have locked tables.
            let mut first = format!("{ROLLBACK}; UNLOCK TABLES; ");
            let depth = depth(connection);
            if depth > 0 {
                first.push_str("START TRANSACTION; ");
            }
            first.push_str(&nested_sql(1..depth));
            ask(connection, &first, None).await?;
            while self::depth(connection) > 0 {
                MySqlTransactionManager::rollback(connection).await?;
            }
            set_back(connection, sets_back).await?;
            Ok(false)
        })
    }

    fn is_spoiled<'c>(
        &self,
        connection: &'c mut MySqlConnection,
    ) -> BoxFuture<'c, Result<bool, sqlx::Error>> {
        Box::pin(async move {
            let found = ask_all(connection, ASK_USUAL, "", None).await?;
            Ok(found.is_spoiled)
        })
    }

    fn nest<'c>(
        &self,
        connection: &'c mut MySqlConnection,
    ) -> BoxFuture<'c, Result<(), sqlx::Error>> {
        Box::pin(MySqlTransactionManager::begin(connection, None))
    }

    fn savepoints_of_a_name(&self) -> usize {
        1
    }

    fn abandon(&self, _: &mut MySqlConnection, _: bool) -> bool {
        false
    }

    fn settled_depth<'c>(
        &self,
        connection: &'c mut MySqlConnection,
    ) -> BoxFuture<'c, Result<usize, sqlx::Error>> {
        // Counted when it is queued.
        let depth = depth(connection);
        Box::pin(std::future::ready(Ok(depth)))
    }

    fn settle<'c>(
        &self,
        connection: &'c mut MySqlConnection,
    ) -> BoxFuture<'c, Result<(), sqlx::Error>> {
        Box::pin(settle(connection))
    }

    fn run<'c>(
        &self,
        connection: &'c mut MySqlConnection,
        sql: SqlStr,
    ) -> BoxFuture<'c, Result<(), sqlx::Error>> {
        Box::pin(async move { connection.execute(sql).await.map(drop) })
    }

    fn expose<'c>(
        &self,
        connection: &'c mut MySqlConnection,
    ) -> BoxFuture<'c, Result<(), sqlx::Error>> {
        Box::pin(async move {
            if depth(connection) > 0 {
                return Ok(());
            }
            let nothing = SqlStr::from_static("DO 0");
            MySqlBackend.count(connection, nothing).await
        })
    }

    fn count<'c>(
        &self,
        connection: &'c mut MySqlConnection,
        sql: SqlStr,
    ) -> BoxFuture<'c, Result<(), sqlx::Error>> {
        Box::pin(async move {
            let sql = AssertSqlSafe(format!("{ASK_NO_CHAIN}; {}", sql.as_str())).into_sql_str();
            match MySqlTransactionManager::begin(connection, Some(sql)).await {
                Err(error) if number(&error) == Some(UNUSUAL) => {
                    Err(Error::new(Kind::Unsupported(CHAINED)).into())
                }
                counted => counted,
            }
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

    fn prove<'c>(
        &self,
        connection: &'c mut MySqlConnection,
        mark: Option<Mark>,
    ) -> BoxFuture<'c, Result<Found, sqlx::Error>> {
        Box::pin(async move {
            let name = mark.map(mark_name);
            let release = |name: &String| format!("RELEASE SAVEPOINT {name}; ");
            let first = name.as_ref().map_or_else(String::new, release);
            ask_all(connection, ASK_USUAL, &first, name.as_deref()).await
        })
    }

    /// A savepoint, which is gone at once outside a transaction.
    fn verify<'c>(
        &self,
        connection: &'c mut MySqlConnection,
    ) -> BoxFuture<'c, Result<bool, sqlx::Error>> {
        Box::pin(async move {
            let name = savepoint_name(0, 0);
            let first = format!("SAVEPOINT {name}; RELEASE SAVEPOINT {name}; ");
            ask(connection, &first, Some(&name)).await
        })
    }

    fn damage(&self, error: &sqlx::Error) -> Damage {
        match number(error) {
            // Shut down, killed, idle too long.
            Some(1053 | 1927 | 3169 | 4031) => Damage::Session,
            // Not prepared for queries, and what ends or cuts the line to the client. Of
            // class 08 a server has others, which are about lines of its own.
            Some(1047 | 1080 | 1152 | 1153 | 1156..=1161 | 1184) => Damage::Connection,
            // Record changed, temporary error, error during commit, lock wait, lock
            // table full, deadlock: the server has rolled back, or the caller cannot
            // know how much of it (`innodb_rollback_on_timeout`).
            Some(1020 | 1180 | LOCK_WAIT | 1206 | 1213 | 1297) => Damage::Transaction,
            Some(_) if is_class_40(error) => Damage::Transaction,
            None if is_broken(error) || is_class_08(error) => Damage::Connection,
            _ => Damage::None,
        }
    }

    fn is_no_savepoint(&self, error: &sqlx::Error) -> bool {
        number(error) == Some(NO_SUCH_SAVEPOINT)
    }

    /// MariaDB answers NOWAIT with the number of a wait that took too long. MySQL has
    /// 3572 for it, which does no damage.
    fn damage_of(&self, error: &sqlx::Error, no_wait: bool) -> Damage {
        if no_wait && number(error) == Some(LOCK_WAIT) {
            return Damage::Suspect;
        }
        self.damage(error)
    }

    fn is_found_unfit(&self, error: &sqlx::Error) -> bool {
        let open = number(error) == Some(INSIDE_A_TRANSACTION);
        open || self.damage(error) >= Damage::Transaction
    }

    fn refusal(&self, error: &sqlx::Error) -> Refusal {
        match number(error) {
            // 1180: the engine answered COMMIT with an error, and the binary log may
            // have it. 1317: the query was interrupted, at a moment nobody names.
            Some(1180 | 1317) | None => Refusal::Unknown,
            Some(_) if self.damage(error) >= Damage::Connection => Refusal::Unknown,
            Some(_) => Refusal::Definite,
        }
    }

    #[inline]
    fn text(&self, sql: &str) -> Text {
        Text {
            no_wait: ends_in_no_wait(sql),
            ..read(sql, Dialect::MySql)
        }
    }

    /// sqlx reads a packet's header and its body in two steps and forgets where
    /// it was when dropped in between.
    fn survives_interruption(&self) -> bool {
        false
    }

    fn patience(&self) -> Duration {
        Duration::from_millis(1_500)
    }
}

/// Without these words `completion_type`, of the server or of the session, may have the
/// next transaction begun, or the session ended, by the end of this one (MySQL manual,
/// 15.3.1).
const COMMIT: &str = "COMMIT AND NO CHAIN NO RELEASE";
const ROLLBACK: &str = "ROLLBACK AND NO CHAIN NO RELEASE";

/// A transaction that sqlx counts ends by sqlx's own COMMIT or ROLLBACK, which has no such
/// words, so that the setting must be the usual one. Refused where it is not. (In a DO
/// that would be a warning.)
const ASK_NO_CHAIN: &str = "SET @sqlx_transactional_completion = \
     IF(@@SESSION.completion_type = 'NO_CHAIN', NULL, (SELECT 1 UNION SELECT 2))";

/// What others write next in the session is kept if these are as usual. Refused where they
/// are not.
const ASK_USUAL: &str = "SET @sqlx_transactional_usual = \
     IF(@@SESSION.autocommit AND @@SESSION.completion_type = 'NO_CHAIN', \
        NULL, (SELECT 1 UNION SELECT 2)); ";

/// `ER_SUBQUERY_NO_1_ROW`, which both of these are refused with.
const UNUSUAL: u16 = 1242;

const CHAINED: &str = "`connection()` behind a statement, or with a time limit, where the \
                       session's `completion_type` is not NO_CHAIN";

const SET_NO_CHAIN: &str = "SET @sqlx_transactional_completion = @@SESSION.completion_type, \
                            SESSION completion_type = 'NO_CHAIN'";
const RESET_NO_CHAIN: &str = "SET SESSION completion_type = @sqlx_transactional_completion";

/// Begins in sqlx's own way. Whether a setting has to be set back.
async fn begin_counted(connection: &mut MySqlConnection, begin: &str) -> Result<bool, sqlx::Error> {
    for (first, sets_back) in [(ASK_NO_CHAIN, false), (SET_NO_CHAIN, true)] {
        let begin = AssertSqlSafe(format!("{first}; {begin}")).into_sql_str();
        match MySqlTransactionManager::begin(connection, Some(begin)).await {
            Ok(()) => return Ok(sets_back),
            Err(error) if number(&error) == Some(UNUSUAL) && !sets_back => {}
            Err(error) => {
                // A failure leaves what it was.
                let _ = set_back(connection, sets_back).await;
                return Err(error);
            }
        }
    }
    unreachable!("the second is not refused for the setting");
}

async fn set_back(connection: &mut MySqlConnection, sets_back: bool) -> Result<(), sqlx::Error> {
    if sets_back {
        connection.execute(RESET_NO_CHAIN).await?;
    }
    Ok(())
}

fn depth(connection: &MySqlConnection) -> usize {
    MySqlTransactionManager::get_transaction_depth(connection)
}

/// The session's own limit is kept in a variable, to be set back afterwards. It
/// has whole seconds, and 0 would mean not to wait at all.
fn set_lock_timeout(limit: Duration) -> String {
    let seconds = limit.as_millis().div_ceil(1000).clamp(1, 1 << 30);
    format!(
        "SET @sqlx_transactional_lock_timeout = @@SESSION.innodb_lock_wait_timeout, \
         SESSION innodb_lock_wait_timeout = {seconds}"
    )
}

/// Changes nothing where nothing was changed.
const RESET_LOCK_TIMEOUT: &str = "SET SESSION innodb_lock_wait_timeout = \
     CAST(COALESCE(@sqlx_transactional_lock_timeout, @@SESSION.innodb_lock_wait_timeout) \
     AS UNSIGNED), @sqlx_transactional_lock_timeout = NULL";

/// Galera waits, before the transaction begins and never inside one, until this node
/// has all that the others had committed (MariaDB, `wsrep_sync_wait`).
const SET_SYNC_WAIT: &str = "SET @sqlx_transactional_sync_wait = @@SESSION.wsrep_sync_wait, \
                             SESSION wsrep_sync_wait = 15; ";

const RESET_SYNC_WAIT: &str = "SET SESSION wsrep_sync_wait = @sqlx_transactional_sync_wait";

/// Whether this server can be a node of a Galera cluster.
async fn is_clustered(connection: &mut MySqlConnection) -> Result<bool, sqlx::Error> {
    let show = "SHOW VARIABLES WHERE Variable_name = 'wsrep_sync_wait'";
    let shown = sqlx::raw_sql(show).fetch_all(connection).await?;
    Ok(!shown.is_empty())
}

/// The text that a message of this crate's own is answered in the end.
async fn told(
    connection: &mut MySqlConnection,
    sql: String,
) -> Result<Option<String>, sqlx::Error> {
    let rows = sqlx::raw_sql(AssertSqlSafe(sql));
    let rows = rows.fetch_all(connection).await?;
    Ok(rows.last().and_then(|row| row.try_get(0).ok()))
}

/// BEGIN with everything that holds for the transaction.
fn begin_sql(terms: &Terms) -> String {
    let begin = match terms.mode {
        Mode::Write => "START TRANSACTION",
        Mode::Read => "START TRANSACTION READ ONLY",
    };
    // What can fail comes before what opens something. The isolation is that of the next transaction alone, and a
    // ROLLBACK takes it back too (manual, 15.3.7).
    let lock_timeout = terms.limits.lock_timeout.map(set_lock_timeout);
    let isolation = terms.characteristics.isolation.map(|isolation| {
        let isolation = isolation.as_sql();
        format!("SET TRANSACTION ISOLATION LEVEL {isolation}")
    });
    let mark = terms.mark.map(|mark| MySqlBackend.mark_sql(mark));
    let parts = [lock_timeout, isolation, Some(begin.to_owned()), mark];
    let parts: Vec<_> = parts.into_iter().flatten().collect();
    parts.join("; ")
}

/// Begins and asks who we are, and where, in the same message. sqlx's own way gives no
/// rows, so that it does not count this transaction.
async fn begin_and_tell(
    connection: &mut MySqlConnection,
    begin: &str,
) -> Result<Session, sqlx::Error> {
    let sql = format!("{begin}; SELECT CONNECTION_ID(), {SERVER}");
    let rows = sqlx::raw_sql(AssertSqlSafe(sql))
        .fetch_all(connection)
        .await?;
    let told = |column: usize| rows.first()?.try_get::<u64, _>(column).ok();
    Ok(Session {
        id: told(0),
        server: told(1),
        ..Session::default()
    })
}

/// Whether the statement is one that does not wait for locks.
#[inline]
fn ends_in_no_wait(sql: &str) -> bool {
    let sql = sql
        .trim_end_matches([' ', '\n', '\t', '\r', ';'])
        .as_bytes();
    let Some((_, end)) = sql.split_at_checked(sql.len().wrapping_sub(6)) else {
        return false;
    };
    end.eq_ignore_ascii_case(b"NOWAIT")
}

/// The savepoint that marks a transaction.
fn mark_name(mark: Mark) -> String {
    let suffix = if mark.again { "_again" } else { "_mark" };
    savepoint_name(mark.level, mark.number) + suffix
}

/// Sends `first`, and behind it something that is refused with a number of ours. Whether
/// that is what came back, and not that the savepoint `missing` does not exist.
async fn ask(
    connection: &mut MySqlConnection,
    first: &str,
    missing: Option<&str>,
) -> Result<bool, sqlx::Error> {
    let found = ask_all(connection, "", first, missing).await?;
    Ok(found.is_ours)
}

/// The same behind `usual`, which is left out once it was refused. A row with the number
/// would do as well, but where answers are out of step sqlx panics on what it takes for
/// rows.
async fn ask_all(
    connection: &mut MySqlConnection,
    mut usual: &str,
    first: &str,
    missing: Option<&str>,
) -> Result<Found, sqlx::Error> {
    let asked = async move {
        let (mut earlier, mut is_spoiled) = (None, false);
        for _ in 0..TRIES {
            let asked = format!("{}_asked", savepoint_name(0, fresh_number().0));
            let sql = AssertSqlSafe(format!("{usual}{first}RELEASE SAVEPOINT {asked}"));
            let Err(error) = connection.execute(sql).await else {
                return Err(out_of_step());
            };
            let no_such = number(&error) == Some(NO_SUCH_SAVEPOINT);
            let is_ours = names(&error, &asked);
            let is_missing = missing.is_some_and(|missing| names(&error, missing));
            if no_such && (is_ours || is_missing) {
                return Ok(Found {
                    is_ours,
                    is_spoiled,
                });
            } else if number(&error) == Some(UNUSUAL) && !usual.is_empty() {
                // Also where it answers what the caller sent: then it is closed in vain.
                (usual, is_spoiled) = ("", true);
            } else if number(&error).is_none() || MySqlBackend.damage(&error) >= Damage::Connection
            {
                return Err(error);
            }
            earlier.get_or_insert(error);
        }
        Err(earlier.unwrap_or_else(out_of_step))
    };
    let asked = AssertUnwindSafe(asked).catch_unwind().await;
    asked.unwrap_or_else(|_| Err(out_of_step()))
}

/// Whether the error is about the savepoint `name`.
fn names(error: &sqlx::Error, name: &str) -> bool {
    let text = error.to_string();
    let mut words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words.any(|word| word == name)
}

/// As on PostgreSQL: an error nobody waited for answers the next command.
async fn settle(connection: &mut MySqlConnection) -> Result<(), sqlx::Error> {
    let mut answer = connection.ping().await;
    for _ in 0..3 {
        match answer {
            Err(sqlx::Error::Database(_)) => answer = connection.ping().await,
            settled => return settled,
        }
    }
    answer
}

fn number(error: &sqlx::Error) -> Option<u16> {
    error
        .as_database_error()?
        .try_downcast_ref::<MySqlDatabaseError>()
        .map(MySqlDatabaseError::number)
}

/// Deadlock and its like, whatever the number.
fn is_class_40(error: &sqlx::Error) -> bool {
    is_of_class(error, "40")
}

/// An error of the line, by the code alone.
fn is_class_08(error: &sqlx::Error) -> bool {
    is_of_class(error, "08")
}

fn is_of_class(error: &sqlx::Error, class: &str) -> bool {
    error
        .as_database_error()
        .and_then(sqlx::error::DatabaseError::code)
        .is_some_and(|code| code.len() == 5 && code.starts_with(class))
}
