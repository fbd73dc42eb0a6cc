//! PostgreSQL: any error outside a savepoint aborts the transaction, and COMMIT
//! then answers success with the tag `ROLLBACK`.

use std::{
    mem,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use futures_core::future::BoxFuture;
use sqlx::{Connection, Executor, PgConnection, Postgres, SqlStr, postgres::PgTransactionManager};
use sqlx_core::transaction::TransactionManager;

use super::{
    Backend, Damage, Mode, Refusal, Text, is_lost,
    text::{Comments, Words, may_be_several},
};

/// Sent where the engine is asked for its opinion: unlike `SELECT 1` it fails
/// both in an aborted transaction (25P02) and outside any (25P01).
const PROBE: &str = "SAVEPOINT sqlx_transactional_probe";

/// PostgreSQL manual, 4.1.5.
const COMMENTS: Comments = Comments {
    nest: true,
    line_ends: &['\n', '\r'],
};

#[derive(Debug)]
pub(super) struct PostgresBackend;

impl Backend<Postgres> for PostgresBackend {
    fn engine(&self) -> &'static str {
        "postgres"
    }

    fn begin<'c>(
        &self,
        connection: &'c mut PgConnection,
        mode: Mode,
    ) -> BoxFuture<'c, Result<(), sqlx::Error>> {
        let sql = match mode {
            Mode::Write => "BEGIN",
            Mode::Read => "BEGIN READ ONLY",
        };
        Box::pin(PgTransactionManager::begin(
            connection,
            Some(SqlStr::from_static(sql)),
        ))
    }

    fn commit<'c>(
        &self,
        connection: &'c mut PgConnection,
        _: Mode,
    ) -> BoxFuture<'c, Result<(), sqlx::Error>> {
        Box::pin(PgTransactionManager::commit(connection))
    }

    fn rollback<'c>(
        &self,
        connection: &'c mut PgConnection,
        _: Mode,
    ) -> BoxFuture<'c, Result<(), sqlx::Error>> {
        Box::pin(PgTransactionManager::rollback(connection))
    }

    fn restore<'c>(
        &self,
        connection: &'c mut PgConnection,
        _: Mode,
    ) -> BoxFuture<'c, Result<(), sqlx::Error>> {
        Box::pin(async move {
            settle(connection).await?;
            if PgTransactionManager::get_transaction_depth(connection) == 0 {
                // Somebody ended it behind our back, and may have begun another.
                connection.execute("ROLLBACK").await?;
            }
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
        _: &'c mut PgConnection,
        _: Mode,
    ) -> BoxFuture<'c, Result<(), sqlx::Error>> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn verify<'c>(
        &self,
        connection: &'c mut PgConnection,
    ) -> BoxFuture<'c, Result<bool, sqlx::Error>> {
        Box::pin(async move {
            if PgTransactionManager::get_transaction_depth(connection) == 0 {
                return Ok(false);
            }
            match connection.execute(PROBE).await {
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

    fn text(&self, sql: &str) -> Text {
        if Words::of(sql, COMMENTS).are_control() {
            Text::Control
        } else if may_be_several(sql, COMMENTS) {
            Text::Opaque
        } else {
            Text::Plain
        }
    }

    fn survives_interruption(&self) -> bool {
        true
    }

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
