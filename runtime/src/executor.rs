//! `sqlx::Executor` for the handles: opens first, then runs, and sees how every
//! statement ends.

#![cfg_attr(
    not(any(feature = "postgres", feature = "mysql", feature = "sqlite")),
    expect(dead_code, reason = "without an engine there is nothing to execute on")
)]

mod results;

use std::time::Duration;

use sqlx::{Database, Either};
use tokio::time::timeout;

use crate::{
    backend::{self, Damage, Effect, Text},
    error::{Error, Kind},
    lean::rarely,
    scope::Core,
    state::{Flight, Sight, State},
    testing::is_watching,
};

#[cfg(any(feature = "postgres", feature = "mysql", feature = "sqlite"))]
use self::results::{Seen, first_row};

/// One result of a statement.
type Step<DB> = Result<Either<<DB as Database>::QueryResult, <DB as Database>::Row>, sqlx::Error>;

/// Looks at a statement before anything is sent for it: one that begins or ends a
/// transaction is refused, and before one that may do so unseen there has to be a mark. A
/// savepoint of the user's would take a mark along that is set behind it.
#[inline]
fn look<DB: Database>(core: &mut (dyn Core<DB> + '_), kind: Text) -> Result<(), sqlx::Error> {
    if kind.effect == Effect::Plain && !kind.sets_savepoint {
        return Ok(());
    }
    rarely();
    let state = core.state();
    if kind.effect == Effect::Control {
        state.forbid(Damage::Scope, Kind::Control);
        return Err(Error::new(Kind::Control).into());
    }
    state.proof.want_mark();
    Ok(())
}

/// Takes note of a statement, which is on its way from now on.
#[inline]
fn admit(state: &mut State, kind: Text, text: Option<&str>) {
    if kind.effect == Effect::Opaque {
        rarely();
        state.proof.lose_sight(Sight::Text);
    }
    state.no_wait = kind.no_wait;
    state.tally.statements += 1;
    if is_watching() {
        rarely();
        state.note_text(text);
    }
}

/// The open connection of what has just been made [ready](Core::ready).
fn made_ready<'t, DB: Database>(
    core: &'t mut (dyn Core<DB> + '_),
) -> Result<(&'t mut DB::Connection, &'t mut State), sqlx::Error> {
    let (Some(connection), state) = core.parts() else {
        rarely();
        return Err(sqlx::Error::PoolClosed);
    };
    Ok((connection, state))
}

/// Gives the open connection.
pub(crate) async fn open<'t, DB: Database>(
    core: &'t mut (dyn Core<DB> + '_),
) -> Result<(&'t mut DB::Connection, &'t mut State), sqlx::Error> {
    if core.opened().is_none() {
        core.ready().await?;
    }
    made_ready(core)
}

/// How long a statement may take, where that is not for the engine to say.
pub(crate) fn limit<DB: Database>(state: &State) -> Option<Duration> {
    let limit = state.given().limits.statement_timeout?;
    (!backend::of::<DB>().limits_statements()).then_some(limit)
}

/// The answer to a statement, within its time.
pub(crate) async fn answer<DB: Database, T>(
    state: &mut State,
    asked: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T, sqlx::Error> {
    let answered = in_time::<DB, _>(state, asked).await?;
    note::<DB, T>(state, answered)
}

/// What comes of a statement, of which nothing is noted yet; an error if that does
/// not come in its time.
pub(crate) async fn in_time<DB: Database, A>(
    state: &mut State,
    asked: impl Future<Output = A>,
) -> Result<A, sqlx::Error> {
    state.in_flight = Some(Flight::Statement);
    let Some(limit) = limit::<DB>(state) else {
        return Ok(asked.await);
    };
    timeout(limit, asked).await.map_err(|_| {
        let survives = backend::of::<DB>().survives_interruption();
        state.statement_timed_out(survives)
    })
}

/// Takes note of how a statement without results ended.
fn note<DB: Database, T>(
    state: &mut State,
    result: Result<T, sqlx::Error>,
) -> Result<T, sqlx::Error> {
    match result {
        Ok(answer) => {
            state.succeeded();
            Ok(answer)
        }
        Err(error) => {
            rarely();
            Err(refused::<DB>(state, error))
        }
    }
}

/// Takes note of a statement's error, and gives it as the caller is told it.
fn refused<DB: Database>(state: &mut State, error: sqlx::Error) -> sqlx::Error {
    state.in_flight = None;
    let damage = backend::of::<DB>().damage_of(&error, state.no_wait);
    state.met::<DB>(damage, error)
}

/// What comes before each statement. No function, because each future within
/// another is one more thing to enter and to leave.
#[cfg(any(feature = "postgres", feature = "mysql", feature = "sqlite"))]
macro_rules! admitted {
    ($core:ident, $statement:ident) => {{
        let kind = $statement.kind();
        look($core, kind)?;
        let (connection, state) = match $core.opened() {
            Some(opened) => opened,
            None => {
                $core.ready().await?;
                made_ready($core)?
            }
        };
        admit(state, kind, $statement.text());
        (connection, state, kind)
    }};
}

/// The one row that is asked for, where there is one.
#[cfg(any(feature = "postgres", feature = "mysql", feature = "sqlite"))]
macro_rules! row {
    ($database:ident, $core:ident, $statement:ident) => {{
        let (connection, state, kind) = admitted!($core, $statement);
        if kind.several {
            rarely();
            let results = connection.fetch_many($statement);
            let changed = QueryResult::rows_affected;
            first_row(Seen::<$database>::new(results, state, kind, changed)).await?
        } else {
            let row = answered!($database, state, connection.fetch_optional($statement));
            state.tally.rows += u64::from(row.is_some());
            // sqlx leaves the rest for the next statement.
            state.half_read = row.is_some();
            row
        }
    }};
}

/// The answer to a statement, for which there is seldom a limit to keep here.
#[cfg(any(feature = "postgres", feature = "mysql", feature = "sqlite"))]
macro_rules! answered {
    ($database:ident, $state:ident, $asked:expr) => {{
        let asked = $asked;
        if limit::<$database>($state).is_some() {
            rarely();
            answer::<$database, _>($state, asked).await?
        } else {
            $state.in_flight = Some(Flight::Statement);
            let answered = asked.await;
            note::<$database, _>($state, answered)?
        }
    }};
}

/// Each method is one box, the one its signature demands; sqlx's defaults for
/// these would nest three.
#[cfg(any(feature = "postgres", feature = "mysql", feature = "sqlite"))]
macro_rules! executor {
    ($($feature:literal: $module:ident, $database:ident, $handle:ident;)*) => {$(
        #[cfg(feature = $feature)]
        mod $module {
            use futures_core::{future::BoxFuture, stream::BoxStream};
            use futures_util::{StreamExt, TryStreamExt, stream};
            use sqlx::{$database, Database, Either, Execute, Executor, SqlStr};

            use super::{Seen, admit, answer, first_row, limit, look, made_ready, note, open};
            use crate::{handle::$handle, lean::{boxed, rarely}, state::Flight, statement::Statement};

            type Row = <$database as Database>::Row;
            type QueryResult = <$database as Database>::QueryResult;
            type TypeInfo = <$database as Database>::TypeInfo;

            impl<'t> Executor<'t> for &'t mut $handle<'_, $database> {
                type Database = $database;

                fn fetch_many<'e, 'q: 'e, E>(
                    self,
                    query: E,
                ) -> BoxStream<'e, Result<Either<QueryResult, Row>, sqlx::Error>>
                where
                    't: 'e,
                    E: 'q + Execute<'q, $database>,
                {
                    let core = self.core();
                    let statement = Statement::of(query);
                    let opened = async move {
                        let kind = statement.kind();
                        look(core, kind)?;
                        // Not `admitted!`: what is given away borrows the core.
                        let (connection, state) = open(core).await?;
                        admit(state, kind, statement.text());
                        let results = connection.fetch_many(statement);
                        Ok::<_, sqlx::Error>(Seen::<$database>::new(results, state, kind, QueryResult::rows_affected))
                    };
                    stream::once(opened).try_flatten().boxed()
                }

                fn execute<'e, 'q: 'e, E>(
                    self,
                    query: E,
                ) -> BoxFuture<'e, Result<QueryResult, sqlx::Error>>
                where
                    't: 'e,
                    E: 'q + Execute<'q, $database>,
                {
                    let core = self.core();
                    let statement = Statement::of(query);
                    boxed(|| async move {
                        let (connection, state, kind) = admitted!(core, statement);
                        let results = connection.fetch_many(statement);
                        let mut seen = Seen::<$database>::new(results, state, kind, QueryResult::rows_affected);
                        let mut total = QueryResult::default();
                        while let Some(step) = seen.try_next().await? {
                            if let Either::Left(result) = step {
                                total.extend([result]);
                            }
                        }
                        Ok(total)
                    })
                }

                fn fetch_all<'e, 'q: 'e, E>(
                    self,
                    query: E,
                ) -> BoxFuture<'e, Result<Vec<Row>, sqlx::Error>>
                where
                    't: 'e,
                    E: 'q + Execute<'q, $database>,
                {
                    let core = self.core();
                    let statement = Statement::of(query);
                    boxed(|| async move {
                        let (connection, state, kind) = admitted!(core, statement);
                        let results = connection.fetch_many(statement);
                        let mut seen = Seen::<$database>::new(results, state, kind, QueryResult::rows_affected);
                        let mut rows = Vec::new();
                        while let Some(step) = seen.try_next().await? {
                            if let Either::Right(row) = step {
                                rows.push(row);
                            }
                        }
                        Ok(rows)
                    })
                }

                fn fetch_one<'e, 'q: 'e, E>(
                    self,
                    query: E,
                ) -> BoxFuture<'e, Result<Row, sqlx::Error>>
                where
                    't: 'e,
                    E: 'q + Execute<'q, $database>,
                {
                    let core = self.core();
                    let statement = Statement::of(query);
                    boxed(|| async move {
                        row!($database, core, statement).ok_or(sqlx::Error::RowNotFound)
                    })
                }

                fn fetch_optional<'e, 'q: 'e, E>(
                    self,
                    query: E,
                ) -> BoxFuture<'e, Result<Option<Row>, sqlx::Error>>
                where
                    't: 'e,
                    E: 'q + Execute<'q, $database>,
                {
                    let core = self.core();
                    let statement = Statement::of(query);
                    boxed(|| async move {
                        Ok(row!($database, core, statement))
                    })
                }

                fn prepare_with<'e>(
                    self,
                    sql: SqlStr,
                    parameters: &'e [TypeInfo],
                ) -> BoxFuture<'e, Result<<$database as Database>::Statement, sqlx::Error>>
                where
                    't: 'e,
                {
                    let core = self.core();
                    boxed(|| async move {
                        let (connection, state) = open(core).await?;
                        answer::<$database, _>(state, connection.prepare_with(sql, parameters)).await
                    })
                }

                fn describe<'e>(
                    self,
                    sql: SqlStr,
                ) -> BoxFuture<'e, Result<sqlx::Describe<$database>, sqlx::Error>>
                where
                    't: 'e,
                {
                    let core = self.core();
                    boxed(|| async move {
                        let (connection, state) = open(core).await?;
                        answer::<$database, _>(state, connection.describe(sql)).await
                    })
                }
            }
        }
    )*};
}

#[cfg(any(feature = "postgres", feature = "mysql", feature = "sqlite"))]
executor! {
    "postgres": postgres_tx, Postgres, Tx;
    "postgres": postgres_read_tx, Postgres, ReadTx;
    "mysql": mysql_tx, MySql, Tx;
    "mysql": mysql_read_tx, MySql, ReadTx;
    "sqlite": sqlite_tx, Sqlite, Tx;
    "sqlite": sqlite_read_tx, Sqlite, ReadTx;
}
