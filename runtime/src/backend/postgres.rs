//! PostgreSQL: any error outside a savepoint aborts the transaction, and COMMIT
//! then answers success with the tag `ROLLBACK`.

mod begin;

use std::{
    mem,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use futures_core::future::BoxFuture;
use sqlx::{
    AssertSqlSafe, Connection, Executor, PgConnection, Postgres, Row, SqlStr,
    postgres::PgTransactionManager,
};
use sqlx_core::transaction::TransactionManager;

use self::begin::{begin_and_tell, begin_sql};
use crate::{
    characteristics::{Characteristics, Isolation},
    state::{Mark, fresh_number},
};

use super::{
    Asked, Backend, Damage, Mode, Refusal, Session, Terms, Text, is_lost, only_sqlite,
    nested_sql, out_of_step, savepoint_name,
    text::{Dialect, read},
};

/// How often an answer is asked for, where errors that nobody waited for come first.
const TRIES: u32 = 6;

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
        _: Mode,
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
        _: Mode,
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
    /// and a connection that is gone for another reason than a timeout.
    fn is_transient(&self, error: &sqlx::Error) -> bool {
        let timed_out = code_is(error, "25P03") || code_is(error, "25P04");
        let contended = code_is(error, "40001") || code_is(error, "40P01");
        contended || (self.damage(error) == Damage::Connection && !timed_out)
    }

    /// The number of a session that has ended may be given to another, which is
    /// then younger.
    fn end_session<'c>(
        &self,
        connection: &'c mut PgConnection,
        session: u64,
        age: Duration,
    ) -> BoxFuture<'c, Result<(), sqlx::Error>> {
        let end = sqlx::query(
            "select pg_terminate_backend(pid) from pg_stat_activity where pid = $1 \
             and backend_start <= clock_timestamp() - make_interval(secs => $2)",
        );
        let end = end.bind(i32::try_from(session).unwrap_or_default());
        let end = end.bind(age.as_secs_f64());
        Box::pin(async move { end.execute(connection).await.map(drop) })
    }

    fn committed<'c>(
        &self,
        connection: &'c mut PgConnection,
        transaction: u64,
    ) -> BoxFuture<'c, Result<Asked, sqlx::Error>> {
        let ask = sqlx::query_scalar("select pg_xact_status($1::text::xid8)");
        let ask = ask.bind(transaction.to_string());
        Box::pin(async move {
            let status: Option<String> = ask.fetch_one(connection).await?;
            Ok(match status.as_deref() {
                Some("committed") => Asked::Committed,
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
    ) -> BoxFuture<'c, Result<(), sqlx::Error>> {
        let insert = sqlx::query("insert into sqlx_transactional_keys (key) values ($1)");
        Box::pin(async move { insert.bind(key).execute(connection).await.map(drop) })
    }

    fn key_table(&self) -> &'static str {
        include_str!("../../keys/postgres.sql")
    }

    fn restore<'c>(
        &self,
        connection: &'c mut PgConnection,
        _: Mode,
    ) -> BoxFuture<'c, Result<(), sqlx::Error>> {
        Box::pin(async move {
            let mut sql = "ROLLBACK; ".to_owned();
            let depth = PgTransactionManager::get_transaction_depth(connection);
            if depth > 0 {
                sql.push_str("BEGIN; ");
            }
            sql.push_str(&nested_sql(1..depth));
            ask(connection, &sql, "NULL").await?;
            while PgTransactionManager::get_transaction_depth(connection) > 0 {
                PgTransactionManager::rollback(connection).await?;
            }
            Ok(())
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

    fn abandon(&self, _: &mut PgConnection, _: Mode) -> bool {
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
        _: Mode,
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
    /// transaction's isolation.
    fn mark_sql(&self, mark: Mark) -> String {
        let Mark { level, number } = mark;
        format!("SET LOCAL {MARK}{level} = '{number}'")
    }

    fn keeps_marks(&self) -> bool {
        true
    }

    fn prove<'c>(
        &self,
        connection: &'c mut PgConnection,
        mark: Option<Mark>,
    ) -> BoxFuture<'c, Result<bool, sqlx::Error>> {
        Box::pin(async move {
            let level = mark.map_or(0, |mark| mark.level);
            let sql = format!("current_setting('{MARK}{level}', true)");
            let told = ask(connection, "", &sql).await?;
            Ok(mark.is_none_or(|mark| told == Some(mark.number.to_string())))
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
        match error {
            error if is_lost(error) => Damage::Connection,
            // 57P01 to 57P05: shut down, crashed, not yet up, database gone, idle
            // too long. 25P03, 25P04: the session was ended by a timeout.
            error if code_begins(error, "57P") || code_is(error, "25P03") => Damage::Connection,
            error if code_is(error, "25P04") => Damage::Connection,
            sqlx::Error::Database(_) => Damage::Scope,
            // The rest never reached the server (PostgreSQL manual, 52.2).
            _ => Damage::None,
        }
    }

    /// 25P02: aborted. 25001: open, so that an isolation comes too late. The rest
    /// is about what was asked for, a setting for one.
    fn is_found_unfit(&self, error: &sqlx::Error) -> bool {
        let open = code_is(error, "25P02") || code_is(error, "25001");
        open || self.damage(error) == Damage::Connection
    }

    fn refusal(&self, error: &sqlx::Error) -> Refusal {
        match error {
            // The timeouts of an idle or too long transaction come before COMMIT
            // was read. 40003: the server itself does not know.
            error if code_is(error, "25P03") || code_is(error, "25P04") => Refusal::Definite,
            error if code_begins(error, "57P") || code_is(error, "40003") => Refusal::Unknown,
            sqlx::Error::Database(_) if !is_lost(error) => Refusal::Definite,
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

/// The setting that marks a transaction, before its level.
const MARK: &str = "sqlx_transactional.mark_";

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
        let number = fresh_number().to_string();
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
            Err(error @ sqlx::Error::Database(_)) if !is_lost(&error) => {
                let is_final = code_is(&error, "25P02") || code_is(&error, "25P01");
                earlier.get_or_insert(error);
                if is_final {
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

fn code_is(error: &sqlx::Error, code: &str) -> bool {
    error
        .as_database_error()
        .is_some_and(|error| error.code().as_deref() == Some(code))
}

fn code_begins(error: &sqlx::Error, prefix: &str) -> bool {
    error
        .as_database_error()
        .and_then(sqlx::error::DatabaseError::code)
        .is_some_and(|code| code.starts_with(prefix))
}
