//! PostgreSQL: any error outside a savepoint aborts the transaction, and COMMIT
//! then answers success with the tag `ROLLBACK`.

// tidy: one engine, one implementation of the trait

mod begin;

use std::{
    borrow::Cow,
    mem,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use futures_core::future::BoxFuture;
use sqlx::{
    AssertSqlSafe, Connection, Executor, PgConnection, Postgres, Row, SqlStr,
    postgres::{PgDatabaseError, PgRow, PgSeverity, PgTransactionManager},
};
use sqlx_core::transaction::TransactionManager;

use self::begin::{begin_and_tell, begin_sql};
use crate::{
    characteristics::{Characteristics, Isolation},
    keys::{Claim, Token, Whereabouts},
    resolve::Number,
    settings::literal,
    state::{Mark, fresh_number},
};

use super::{
    Asked, Backend, Damage, Ending, Found, Mode, Refusal, Session, Terms, Text, is_broken, is_cut,
    nested_sql, only_sqlite, out_of_step, savepoint_name,
    text::{Dialect, read},
};

/// How often an answer is asked for, where errors that nobody waited for come first.
const TRIES: u32 = 6;

/// What tells this server from others at the same address: when it was started, in
/// microseconds since 1970.
const SERVER: &str = "(extract(epoch FROM pg_postmaster_start_time()) * 1000000)::int8";

#[derive(Debug)]
pub(super) struct PostgresBackend;

impl Backend<Postgres> for PostgresBackend {
    fn engine(&self) -> &'static str {
        "postgres"
    }

    /// The answer is read before what `restore` asks, and sqlx sends no ROLLBACK
    /// of its own for a BEGIN that was not answered.
    #[inline]
    fn begin_in_place(&self, connection: &PgConnection, terms: &Terms) -> Option<SqlStr> {
        (!terms.want_identity()).then(|| begin_sql(connection, terms))
    }

    fn begin<'c>(
        &self,
        connection: &'c mut PgConnection,
        terms: &Terms,
    ) -> BoxFuture<'c, Result<Session, sqlx::Error>> {
        let (sql, resolvable) = (begin_sql(connection, terms), terms.resolvable);
        let asks = terms.want_identity();
        Box::pin(async move {
            if asks {
                return begin_and_tell(connection, sql, resolvable).await;
            }
            PgTransactionManager::begin(connection, Some(sql)).await?;
            Ok(Session::default())
        })
    }

    fn commit<'c>(
        &self,
        connection: &'c mut PgConnection,
        _: bool,
    ) -> BoxFuture<'c, Result<(), sqlx::Error>> {
        Box::pin(async move {
            if PgTransactionManager::get_transaction_depth(connection) == 0 {
                return connection.execute("COMMIT").await.map(drop);
            }
            PgTransactionManager::commit(connection).await
        })
    }

    fn rollback<'c>(
        &self,
        connection: &'c mut PgConnection,
        _: bool,
    ) -> BoxFuture<'c, Result<(), sqlx::Error>> {
        Box::pin(async move {
            if PgTransactionManager::get_transaction_depth(connection) == 0 {
                return connection.execute("ROLLBACK").await.map(drop);
            }
            PgTransactionManager::rollback(connection).await
        })
    }

    fn limits_statements(&self) -> bool {
        true
    }

    #[inline]
    fn unsupported(&self, terms: &Terms) -> Option<&'static str> {
        let Characteristics {
            isolation,
            deferrable,
            ..
        } = terms.characteristics;
        let is_serializable = isolation == Some(Isolation::Serializable);
        if deferrable && !(is_serializable && terms.mode == Mode::Read) {
            Some("`deferrable` has no effect but on a serializable transaction that only reads")
        } else if terms.resolvable && terms.mode == Mode::Read {
            // Such a transaction has no number to be asked by.
            Some(
                "`resolvable` is for a transaction that writes: one that only reads has no outcome",
            )
        } else {
            only_sqlite(terms)
        }
    }

    /// PostgreSQL manual, 13.2.1: it has no READ UNCOMMITTED of its own.
    fn least_isolation(&self) -> Isolation {
        Isolation::ReadCommitted
    }

    /// PostgreSQL manual, 13.5 and appendix A: serialization failure, deadlock,
    /// and a connection that is gone for a reason that the next one need not meet: the
    /// line, a server that shuts down, crashes or starts, and a session that was idle
    /// before BEGIN.
    fn is_transient(&self, error: &sqlx::Error) -> bool {
        match farewell(error).as_deref() {
            _ if code_is(error, "40001") || code_is(error, "40P01") => true,
            Some(code) => {
                code.starts_with("08") || matches!(code, "57P01" | "57P02" | "57P03" | "57P05")
            }
            None => is_cut(error),
        }
    }

    /// The codes of `idle_in_transaction_session_timeout` and `transaction_timeout`.
    fn is_session_limit(&self, error: &sqlx::Error) -> bool {
        matches!(farewell(error).as_deref(), Some("25P03" | "25P04"))
    }

    /// A session's number is given again, to others behind the same address at the
    /// same time, and behind a pooler the session itself is lent to others. When a
    /// transaction began, in microseconds, names it among all of these.
    fn end_session<'c>(
        &self,
        connection: &'c mut PgConnection,
        session: &Session,
        _: Duration,
        open: Duration,
    ) -> BoxFuture<'c, Result<Ending, sqlx::Error>> {
        let (Some(id), Some(began), Some(server)) = (session.id, session.began, session.server)
        else {
            return Box::pin(std::future::ready(Ok(Ending::Gone)));
        };
        let last = u128::from(began) + (open + READY).as_micros();
        let sql = format!(
            "SELECT {SERVER}::text, (SELECT CASE \
             WHEN wait_event IS NOT DISTINCT FROM 'SyncRep' THEN 'waits' \
             WHEN pg_terminate_backend(pid) THEN 'ended' END \
             FROM pg_stat_activity WHERE pid = {id} AND {SERVER} = {server} \
             AND CASE WHEN state = 'idle in transaction (aborted)' \
             THEN {BACKEND_BEGAN} <= {began} AND {STATE_BEGAN} BETWEEN {began} AND {last} \
             ELSE {TRANSACTION_BEGAN} = {began} END)"
        );
        Box::pin(async move {
            let rows = sqlx::raw_sql(AssertSqlSafe(sql))
                .fetch_all(connection)
                .await?;
            let Some(row) = rows.last() else {
                return Ok(Ending::Gone);
            };
            let answer: Option<&str> = row.try_get(1)?;
            let here: Option<u64> = row.try_get::<&str, _>(0)?.parse().ok();
            Ok(match answer {
                Some("ended") => Ending::Ended,
                Some(_) => Ending::WaitsForStandby,
                // One that was started after it began never had it.
                None if here != Some(server) && here < Some(began) => Ending::Elsewhere,
                None => Ending::Gone,
            })
        })
    }

    /// A number that was given again is in the future until its namesake begins
    /// (22023, `invalid_parameter_value`), and ours is lost; but a standby may just
    /// not have heard of it.
    fn committed<'c>(
        &self,
        connection: &'c mut PgConnection,
        number: Number,
    ) -> BoxFuture<'c, Result<Asked, sqlx::Error>> {
        let ask = format!(
            "SELECT CASE WHEN NOT pg_is_in_recovery() THEN pg_xact_status('{}'::xid8) END, {GIVER}",
            number.id
        );
        Box::pin(async move {
            let rows = match told(connection, ask).await {
                Ok(rows) => rows,
                Err(error) if code_is(&error, "22023") => return Ok(Asked::RolledBack),
                Err(error) => return Err(error),
            };
            let status: Option<String> = text(&rows, 0);
            let giver = text(&rows, 1).and_then(|giver| giver.parse().ok());
            Ok(match status.as_deref() {
                Some("committed") if giver.is_some() && giver == number.giver => Asked::Committed,
                Some("aborted") => Asked::RolledBack,
                Some("in progress") => Asked::Open,
                _ => Asked::Unknown,
            })
        })
    }

    fn claim<'c>(
        &self,
        connection: &'c mut PgConnection,
        key: &'c str,
        token: Token,
    ) -> BoxFuture<'c, Result<Whereabouts, sqlx::Error>> {
        let (key, token) = (literal(key), bytes(token));
        let insert = format!(
            "INSERT INTO sqlx_transactional_keys (key, token) VALUES ({key}, {token}) \
             RETURNING (SELECT relnamespace::regnamespace::text FROM pg_class \
             WHERE oid = 'sqlx_transactional_keys'::regclass), quote_ident(current_user)"
        );
        Box::pin(async move {
            let rows = told(connection, insert).await?;
            Ok(Whereabouts {
                schema: text(&rows, 0).map(Into::into),
                role: text(&rows, 1).map(Into::into),
            })
        })
    }

    fn look_up<'c>(
        &self,
        connection: &'c mut PgConnection,
        claim: &'c Claim,
    ) -> BoxFuture<'c, Result<Option<Token>, sqlx::Error>> {
        let (table, key, nobody) = (claim.place.table(), literal(&claim.key), bytes(Token::NONE));
        let role = claim.place.role.as_ref();
        let role = role.map_or_else(String::new, |role| format!("SET LOCAL ROLE {role}; "));
        let look = format!(
            "{role}INSERT INTO {table} (key, token) VALUES ({key}, {nobody}) \
             ON CONFLICT DO NOTHING; SELECT encode(token, 'hex') FROM {table} WHERE key = {key}"
        );
        Box::pin(async move {
            let rows = told(connection, look).await?;
            Ok(text(&rows, 0).as_deref().and_then(Token::read))
        })
    }

    /// PostgreSQL manual, 13.2.1: each statement has a snapshot of its own.
    fn isolation_to_ask(&self) -> Option<Isolation> {
        Some(Isolation::ReadCommitted)
    }

    fn key_table(&self) -> &'static str {
        include_str!("../../keys/postgres.sql")
    }

    fn restore<'c>(
        &self,
        connection: &'c mut PgConnection,
        _: bool,
        mark: Option<Mark>,
    ) -> BoxFuture<'c, Result<bool, sqlx::Error>> {
        Box::pin(async move {
            let mut sql = "ROLLBACK; ".to_owned();
            let depth = PgTransactionManager::get_transaction_depth(connection);
            if depth > 0 {
                sql.push_str("BEGIN; ");
            }
            sql.push_str(&nested_sql(1..depth));
            let kept = mark.map_or_else(|| "NULL".to_owned(), kept_sql);
            let kept = ask(connection, &sql, &kept).await?.is_some();
            while PgTransactionManager::get_transaction_depth(connection) > 0 {
                PgTransactionManager::rollback(connection).await?;
            }
            Ok(kept)
        })
    }

    fn nest<'c>(&self, connection: &'c mut PgConnection) -> BoxFuture<'c, Result<(), sqlx::Error>> {
        // The guard inside would roll the outer transaction back.
        Box::pin(ForgetOnDrop(Some(Box::pin(PgTransactionManager::begin(
            connection, None,
        )))))
    }

    fn savepoints_of_a_name(&self) -> usize {
        2
    }

    fn abandon(&self, _: &mut PgConnection, _: bool) -> bool {
        false
    }

    fn settled_depth<'c>(
        &self,
        connection: &'c mut PgConnection,
    ) -> BoxFuture<'c, Result<usize, sqlx::Error>> {
        // Counted when it is queued.
        let depth = PgTransactionManager::get_transaction_depth(connection);
        Box::pin(std::future::ready(Ok(depth)))
    }

    fn settle<'c>(
        &self,
        connection: &'c mut PgConnection,
    ) -> BoxFuture<'c, Result<(), sqlx::Error>> {
        Box::pin(settle(connection))
    }

    fn run<'c>(
        &self,
        connection: &'c mut PgConnection,
        sql: SqlStr,
    ) -> BoxFuture<'c, Result<(), sqlx::Error>> {
        Box::pin(async move { connection.execute(sql).await.map(drop) })
    }

    fn expose<'c>(
        &self,
        connection: &'c mut PgConnection,
    ) -> BoxFuture<'c, Result<(), sqlx::Error>> {
        Box::pin(async move {
            if PgTransactionManager::get_transaction_depth(connection) == 0 {
                let nothing = SqlStr::from_static("SELECT 1");
                PgTransactionManager::begin(connection, Some(nothing)).await?;
            }
            Ok(())
        })
    }

    /// A setting: unlike a SELECT it does not keep the user from changing the
    /// transaction's isolation. Beside it are two of the session, which a COMMIT keeps.
    fn mark_sql(&self, mark: Mark) -> String {
        let (level, number, round) = (mark.level, mark.number, mark.round);
        format!(
            "SET {KEPT}{level} = '{number}'; SET {KEPT_ROUND}{level} = '{round}'; \
             SET LOCAL {MARK}{level} = '{number}'"
        )
    }

    fn keeps_marks(&self) -> bool {
        true
    }

    fn prove<'c>(
        &self,
        connection: &'c mut PgConnection,
        mark: Option<Mark>,
    ) -> BoxFuture<'c, Result<Found, sqlx::Error>> {
        Box::pin(async move {
            let level = mark.map_or(0, |mark| mark.level);
            let sql = format!("current_setting('{MARK}{level}', true)");
            let told = ask(connection, "", &sql).await?;
            let ours = mark.is_none_or(|mark| told == Some(mark.number.to_string()));
            Ok(ours.into())
        })
    }

    /// A savepoint, which unlike a SELECT is refused outside a transaction (25P01). It
    /// is released at once: each takes a place in the server's table of locks.
    fn verify<'c>(
        &self,
        connection: &'c mut PgConnection,
    ) -> BoxFuture<'c, Result<bool, sqlx::Error>> {
        Box::pin(async move {
            let name = savepoint_name(0, 0);
            let probe = format!("SAVEPOINT {name}; RELEASE SAVEPOINT {name}; ");
            match ask(connection, &probe, "NULL").await {
                Ok(_) => Ok(true),
                Err(error) if code_is(&error, "25P01") => Ok(false),
                Err(error) => Err(error),
            }
        })
    }

    fn damage(&self, error: &sqlx::Error) -> Damage {
        match (error, farewell(error).as_deref()) {
            // A pooler's words for a line of its own that was cut, whose session
            // may still be there.
            (_, Some(code)) if code.starts_with("08") => Damage::Connection,
            (_, Some(_)) => Damage::Session,
            (sqlx::Error::Database(_), None) => Damage::Scope,
            (error, None) if is_broken(error) => Damage::Connection,
            // The rest never reached the server (PostgreSQL manual, 52.2).
            _ => Damage::None,
        }
    }

    fn is_no_savepoint(&self, error: &sqlx::Error) -> bool {
        code_is(error, "3B001") || code_is(error, "25P01")
    }

    /// 25P02: aborted. 25001: open, so that an isolation comes too late. The rest
    /// is about what was asked for, a setting for one.
    fn is_found_unfit(&self, error: &sqlx::Error) -> bool {
        let open = code_is(error, "25P02") || code_is(error, "25001");
        open || self.damage(error) >= Damage::Connection
    }

    fn refusal(&self, error: &sqlx::Error) -> Refusal {
        match (error, farewell(error).as_deref()) {
            // The timeouts of an idle or too long transaction come before COMMIT
            // was read.
            (_, Some("25P03" | "25P04")) => Refusal::Definite,
            // 08007, 40003: the server itself does not know.
            _ if code_is(error, "08007") || code_is(error, "40003") => Refusal::Unknown,
            (sqlx::Error::Database(_), None) => Refusal::Definite,
            _ => Refusal::Unknown,
        }
    }

    #[inline]
    fn text(&self, sql: &str) -> Text {
        read(sql, Dialect::Postgres)
    }

    #[inline]
    fn survives_interruption(&self) -> bool {
        true
    }

    #[inline]
    fn patience(&self) -> Duration {
        Duration::from_millis(1_500)
    }
}

/// A future whose destructor does harm: dropped half-way, it is leaked instead.
struct ForgetOnDrop<'c>(Option<BoxFuture<'c, Result<(), sqlx::Error>>>);

impl Future for ForgetOnDrop<'_> {
    type Output = Result<(), sqlx::Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(future) = &mut self.0 else {
            panic!("polled after its end");
        };
        let polled = future.as_mut().poll(context);
        if polled.is_ready() {
            self.0 = None;
        }
        polled
    }
}

impl Drop for ForgetOnDrop<'_> {
    fn drop(&mut self) {
        mem::forget(self.0.take());
    }
}

/// In microseconds since 1970: when the session of a row of `pg_stat_activity` began, when
/// it came to be as it is, and when its transaction began. That is told of no transaction
/// that is aborted: such a one is ours if it was aborted while ours was open.
const BACKEND_BEGAN: &str = "(extract(epoch FROM backend_start) * 1000000)::int8";
const STATE_BEGAN: &str = "(extract(epoch FROM state_change) * 1000000)::int8";
const TRANSACTION_BEGAN: &str = "(extract(epoch FROM xact_start) * 1000000)::int8";

/// How long after an error, of which the client is told at once, a session may take to be
/// ready for the next message.
const READY: Duration = Duration::from_millis(20);

/// The setting that marks a transaction, before its level.
const MARK: &str = "sqlx_transactional.mark_";

/// What is left of the mark if the transaction is committed, before its level.
const KEPT: &str = "sqlx_transactional.kept_";
const KEPT_ROUND: &str = "sqlx_transactional.kept_round_";

/// Something other than NULL where the transaction with `mark` was committed.
fn kept_sql(mark: Mark) -> String {
    let (level, number, round) = (mark.level, mark.number, mark.round);
    format!(
        "CASE WHEN (current_setting('{KEPT}{level}', true), \
         current_setting('{KEPT_ROUND}{level}', true)) = ('{number}', '{round}') \
         THEN 'kept' END"
    )
}

/// Sends `first` and then asks for `what`, until the answer has the number that was asked
/// for with it: others may come before, because a statement was dropped half-way, or a
/// COPY left. All of it is one text without a name, which a pooler understands.
async fn ask(
    connection: &mut PgConnection,
    first: &str,
    what: &str,
) -> Result<Option<String>, sqlx::Error> {
    let mut earlier = None;
    for _ in 0..TRIES {
        let number = fresh_number().0.to_string();
        let sql = AssertSqlSafe(format!("{first}SELECT '{number}', {what}"));
        match sqlx::raw_sql(sql).fetch_all(&mut *connection).await {
            Ok(rows) => {
                let told = |column: usize| {
                    let told = rows.last()?.try_get::<Option<String>, _>(column);
                    told.ok().flatten()
                };
                if told(0) == Some(number) {
                    return Ok(told(1));
                }
                earlier = Some(out_of_step());
                if first.is_empty() {
                    break;
                }
            }
            Err(error @ sqlx::Error::Database(_)) if farewell(&error).is_none() => {
                let is_aborted = code_is(&error, "25P02");
                // A SELECT alone is never refused with that.
                let is_outside = code_is(&error, "25P01") && !first.is_empty();
                // What is aborted tells no number by which its answers could be told apart.
                if is_aborted && first.is_empty() && earlier.is_some() {
                    earlier = Some(out_of_step());
                }
                earlier.get_or_insert(error);
                if is_aborted || is_outside {
                    break;
                }
            }
            Err(error) => return Err(error),
        }
    }
    Err(earlier.unwrap_or_else(out_of_step))
}

/// Takes in the errors of statements whose future was dropped: each comes as
/// the answer to whatever is sent next.
async fn settle(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    let mut answer = connection.ping().await;
    for _ in 0..3 {
        match answer {
            Err(sqlx::Error::Database(_)) => answer = connection.ping().await,
            settled => return settled,
        }
    }
    answer
}

/// The code of an error with which the server ended the session. Only its severity
/// tells (PostgreSQL manual, "Error and Notice Message Fields"): a trigger can raise
/// any code, and a wrong number of parameters is a violation of the protocol, 08P01,
/// after which all goes on.
fn farewell(error: &sqlx::Error) -> Option<Cow<'_, str>> {
    let error = error.as_database_error()?;
    if let Some(error) = error.try_downcast_ref::<PgDatabaseError>() {
        let is_last = matches!(error.severity(), PgSeverity::Fatal | PgSeverity::Panic);
        return is_last.then(|| Cow::Borrowed(error.code()));
    }
    // A copy has lost the severity. 57P01 to 57P05: shut down, crashed, not yet up,
    // database gone, idle too long. 25P03, 25P04: the session was ended by a timeout.
    error.code().filter(|code| {
        let is_cut = code.len() == 5 && code.starts_with("08");
        let is_ended = code.starts_with("57P") || *code == "25P03" || *code == "25P04";
        is_ended || (is_cut && *code != "08P01" && *code != "08007")
    })
}

/// What a message of this crate's own is answered. It is text and has no name on the
/// server, so that it works where each transaction may have another session.
async fn told(connection: &mut PgConnection, sql: String) -> Result<Vec<PgRow>, sqlx::Error> {
    let sql = sqlx::raw_sql(AssertSqlSafe(sql));
    sql.fetch_all(connection).await
}

/// A column of the last row.
fn text(rows: &[PgRow], column: usize) -> Option<String> {
    rows.last()?.try_get(column).ok()
}

/// A token as SQL.
fn bytes(token: Token) -> String {
    literal(&format!("\\x{token}"))
}

/// Which server this is, since which crash: when its statistics were reset, which
/// recovery does (PostgreSQL manual, 28.2), in microseconds.
const GIVER: &str =
    "(extract(epoch from pg_stat_get_bgwriter_stat_reset_time()) * 1000000)::bigint::text";

fn code_is(error: &sqlx::Error, code: &str) -> bool {
    error
        .as_database_error()
        .is_some_and(|error| error.code().as_deref() == Some(code))
}
