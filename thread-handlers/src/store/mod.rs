//! What the operations ask of a database, one statement a method.
//!
//! A store method takes the open transaction and never begins or ends one, so
//! any two operations can be put together. Its text is plain SQL, fixed at
//! compile time, in the words of its own database; a client's values travel as
//! parameters only. A write reports how many rows it touched and is an error
//! unless that is one.
//!
//! Another database joins by implementing [`ThreadStore`] for its
//! [`Database`] type, with its own migrations.

mod postgres;
mod sqlite;

use sqlx::{
    ColumnIndex, Database, Decode, FromRow, Pool, Row, Type, migrate::MigrateError, query::Query,
    query::QueryAs, query::QueryScalar,
};
use sqlx_transactional::{ReadTx, Tx};

use crate::{
    error::AppError,
    faults,
    model::{LockedThread, Message, Micros, Thread, Window},
};

/// A database that can keep threads.
///
/// A method fails with the database's error, sorted as [`AppError`] does it,
/// or, for a write that touched another number of rows than one, with
/// [`AppError::NotWritten`].
pub trait ThreadStore: Database {
    /// Creates the tables, or brings them up to date.
    ///
    /// It is no part of any operation: it runs once, before the first.
    fn migrate(pool: &Pool<Self>) -> impl Future<Output = Result<(), MigrateError>> + Send;

    /// A page of an owner's threads, newest first, and how many there are on
    /// all pages: one statement, one snapshot.
    fn list_threads(
        tx: &mut ReadTx<'_, Self>,
        owner: &str,
        include_archived: bool,
        window: Window,
    ) -> impl Future<Output = Result<(Vec<Thread>, i64), AppError>> + Send;

    /// A thread with its message count.
    fn find_thread(
        tx: &mut ReadTx<'_, Self>,
        id: &str,
    ) -> impl Future<Output = Result<Option<Thread>, AppError>> + Send;

    /// A thread's row, locked until the transaction ends: no other transaction
    /// changes the thread, or adds a message to it, before then.
    fn lock_thread(
        tx: &mut Tx<'_, Self>,
        id: &str,
    ) -> impl Future<Output = Result<Option<LockedThread>, AppError>> + Send;

    /// Inserts a thread.
    fn insert_thread(
        tx: &mut Tx<'_, Self>,
        thread: &Thread,
    ) -> impl Future<Output = Result<(), AppError>> + Send;

    /// Writes what may have changed of a locked thread.
    fn update_thread(
        tx: &mut Tx<'_, Self>,
        thread: &LockedThread,
    ) -> impl Future<Output = Result<(), AppError>> + Send;

    /// Writes that a locked thread has a new message.
    fn touch_thread(
        tx: &mut Tx<'_, Self>,
        id: &str,
        updated_at: Micros,
    ) -> impl Future<Output = Result<(), AppError>> + Send;

    /// A page of a thread's messages, oldest first, and how many there are on
    /// all pages: one statement, one snapshot.
    fn list_messages(
        tx: &mut ReadTx<'_, Self>,
        thread_id: &str,
        window: Window,
    ) -> impl Future<Output = Result<(Vec<Message>, i64), AppError>> + Send;

    /// What the person said first in a thread.
    fn first_user_message(
        tx: &mut ReadTx<'_, Self>,
        thread_id: &str,
    ) -> impl Future<Output = Result<Option<String>, AppError>> + Send;

    /// The place of the next message of a locked thread. The lock is what
    /// keeps two senders from being given the same one.
    fn next_seq(
        tx: &mut Tx<'_, Self>,
        thread_id: &str,
    ) -> impl Future<Output = Result<i64, AppError>> + Send;

    /// Inserts a message.
    fn insert_message(
        tx: &mut Tx<'_, Self>,
        message: &Message,
    ) -> impl Future<Output = Result<(), AppError>> + Send;
}

fn query<'q, DB: Database>(sql: &'static str) -> Query<'q, DB, DB::Arguments> {
    sqlx::query(faults::pass(sql))
}

fn query_as<'q, DB: Database, T>(sql: &'static str) -> QueryAs<'q, DB, T, DB::Arguments>
where
    T: for<'r> FromRow<'r, DB::Row>,
{
    sqlx::query_as(faults::pass(sql))
}

fn query_scalar<'q, DB: Database, T>(sql: &'static str) -> QueryScalar<'q, DB, T, DB::Arguments>
where
    (T,): for<'r> FromRow<'r, DB::Row>,
{
    sqlx::query_scalar(faults::pass(sql))
}

/// A write is done when it touched the row that it was for, and no other.
fn exactly_one(rows: u64) -> Result<(), AppError> {
    if rows == 1 {
        Ok(())
    } else {
        Err(AppError::NotWritten { rows })
    }
}

/// Reads the rows of a list statement: each carries the total, and a page
/// without rows is one row that carries nothing else.
fn page<R, T>(rows: &[R]) -> Result<(Vec<T>, i64), AppError>
where
    R: Row,
    T: for<'r> FromRow<'r, R>,
    for<'s> &'s str: ColumnIndex<R>,
    for<'r> i64: Decode<'r, R::Database> + Type<R::Database>,
    for<'r> String: Decode<'r, R::Database> + Type<R::Database>,
{
    let mut items = Vec::with_capacity(rows.len());
    let mut total = 0;
    for row in rows {
        total = row.try_get("total")?;
        if row.try_get::<Option<String>, _>("id")?.is_some() {
            items.push(T::from_row(row)?);
        }
    }
    Ok((items, total))
}
