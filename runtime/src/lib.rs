//! Transactions for async Rust that never say "done" when the data is not there.
//!
//! A function marked [`#[transactional]`](macro@transactional) gets a
//! transaction: it commits when the function returns `Ok`, and rolls back on
//! `Err`, on a panic, and when the future is dropped. It stands on sqlx 0.9 and
//! tokio, for PostgreSQL, MySQL, MariaDB and SQLite.
//!
//! ```
//! use sqlx::Sqlite;
//! use sqlx_transactional::{ReadTx, Tx, transactional};
//!
//! #[transactional]
//! async fn rename(tx: &mut Tx<'_, Sqlite>, id: i64, title: &str) -> Result<String, sqlx::Error> {
//!     let update = sqlx::query("update threads set title = ? where id = ?");
//!     update.bind(title).bind(id).execute(&mut *tx).await?;
//!     tx.after_commit(async move { println!("thread {id} was renamed") });
//!     title_of(tx, id).await // joins
//! }
//!
//! #[transactional]
//! async fn title_of(tx: &mut ReadTx<'_, Sqlite>, id: i64) -> Result<String, sqlx::Error> {
//!     let select = sqlx::query_scalar("select title from threads where id = ?");
//!     select.bind(id).fetch_one(tx).await
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), sqlx::Error> {
//! # let pool = sqlx_transactional::pool::connect::<Sqlite>("sqlite::memory:").await?;
//! # sqlx::raw_sql("create table threads (id integer primary key, title text)").execute(&pool).await?;
//! # sqlx::raw_sql("insert into threads values (1, 'old')").execute(&pool).await?;
//! rename(&pool, 1, "new").await?; // begins, and commits before it returns
//! assert_eq!(title_of(&pool, 1).await?, "new");
//! # Ok(())
//! # }
//! ```
//!
//! # What is promised
//!
//! **The transaction is lazy.** Nothing is sent and no connection is taken before
//! the first statement. What a body awaits before that holds nothing; a body that
//! returns before it costs nothing.
//!
//! **`Ok` means durable.** A commit that the engine turned into a rollback, a
//! swallowed error after which it would have, a deadlock that undid half of the
//! work: each is an error here, whatever the body returned.
//!
//! | the body | then | the caller gets |
//! |---|---|---|
//! | `Ok` | COMMIT | the body's `Ok`, after COMMIT was answered |
//! | `Ok` | COMMIT is refused | the database's own error; rolled back |
//! | `Ok` | a [`before_commit`](Tx::before_commit) hook refuses | its error, or [`Error::is_vetoed`]; rolled back |
//! | `Ok` | the connection is lost, or the time is over, after COMMIT was sent | [`Error::is_outcome_unknown`] |
//! | the same, with a [key](keys) and on a pool | it asks until its deadline | the body's `Ok`, the lost connection's error, or still unknown |
//! | `Ok`, but a statement, or a function that joined, failed and the error was swallowed | ROLLBACK | [`Error::is_doomed`], with the first failure as its source |
//! | `Ok`, but [`roll_back`](Tx::roll_back) was asked for | ROLLBACK | the body's `Ok` |
//! | `Ok` that matches `rollback_on(…)` | ROLLBACK | the body's `Ok` |
//! | `Err` | ROLLBACK | the body's `Err`, untouched |
//! | `Err` that matches `commit_on(…)` | COMMIT | the body's `Err`, after COMMIT was answered |
//! | panics | ROLLBACK | the panic goes on |
//! | is dropped before COMMIT was sent | ROLLBACK, at once | |
//! | is dropped after COMMIT was sent | COMMIT runs to its end, the hooks too | |
//! | anything, but something else ended the transaction | no COMMIT, no hooks | the body's `Err`, or instead of an `Ok` [`Error::is_ended_early`] |
//! | an earlier attempt is unknown, and the last does not commit | as the last one needs, no hooks | [`Error::is_outcome_unknown`] |
//! | takes longer than its `timeout` | ROLLBACK, or the session is ended | [`Error::is_timed_out`] |
//!
//! **Nothing waits for ever.** A call that names no `timeout`, on a place that
//! names none, may take 60 seconds. What goes on without its caller, BEGIN,
//! COMMIT, ROLLBACK and the way back to the pool, has bounds of its own. An
//! unknown outcome can be [resolved](Error::resolve), and a call with a
//! [key](keys) can simply be made again.
//!
//! **No connection is waited for in vain.** A transaction that is begun on a pool
//! of which the same task holds a connection, when none is left, fails at once
//! as [`Error::is_pool_exhausted`].
//!
//! **A connection goes back to its pool only when it is known to be clean.**
//! BEGIN, COMMIT and ROLLBACK run to their end when their future is dropped, so
//! that a storm of timeouts does not become a storm of new connections; what
//! cannot be brought back to a clean state within a bound is closed.
//!
//! **What goes on without its caller is counted, and can be waited for.** An
//! application that shuts down in order calls [`drained`] before it closes its
//! pools, and loses no hook of a client that has left; [`detached`] is the gauge.
//!
//! **What goes away is run again, if the function says so.** [`retry`](macro@transactional) repeats the whole
//! transaction after a deadlock, a serialization failure or a lost connection, never after an outcome that nobody knows.
//!
//! **One error type is enough.** A function's error type needs
//! `From<sqlx::Error>` and nothing more. What only this crate can say travels
//! inside [`sqlx::Error::Database`], and [`Error::find`] gets it back out.
//!
//! # What dooms a transaction
//!
//! After an error that the engine answers by giving up more than the statement,
//! no further statement is sent, and the end is a ROLLBACK. To go on after a
//! failure, run what may fail in a [`savepoint`](Tx::savepoint).
//!
//! | engine | errors |
//! |---|---|
//! | PostgreSQL | every error of the server, up to the innermost savepoint |
//! | MySQL, MariaDB | 1213, 1020, 1180, 1206, 1297 and class 40; 1205 where `innodb_rollback_on_timeout` is on; a statement that commits implicitly |
//! | SQLite | FULL, IOERR, NOMEM, INTERRUPT, CORRUPT, `BUSY_SNAPSHOT`, and whatever ended the transaction |
//! | all | a statement dropped before its answer; a lost connection; a joined function that failed or was dropped |
//!
//! # Features
//!
//! | feature | adds |
//! |---|---|
//! | `postgres` | PostgreSQL |
//! | `mysql` | MySQL and MariaDB |
//! | `sqlite` | SQLite, built in |
//!
//! None is on by default. TLS is chosen on the application's own dependency on
//! sqlx (`tls-rustls`, …).
//!
//! # Tracing
//!
//! Each transaction is a span `transaction` with the target `sqlx_transactional`
//! and the fields `name`, `engine`, `db` (the name of a [`Db`]), `kind` (`begun`, `joined`, `savepoint`),
//! `outcome` (`committed`, `rolled_back`, `ended_early`, `unknown`), `statements`, `rows` and
//! `held_us`, the microseconds it had a connection. Events inside it, at the
//! levels of their urgency: `begin`, `commit`, `rollback`, `savepoint`, `release`
//! with `elapsed_us`; `doomed`, `timed out`, `COMMIT refused`, `COMMIT not answered`, `connection closed`,
//! `server session ended`, `server session not ended` with `why`, `outcome unknown`, `hooks dropped`, `retrying` with `attempt` and `pause_us`. None carries a statement's text, its parameters or a database's
//! message.

mod backend;
mod before_commit;
mod begin;
mod block;
mod borrowed;
mod characteristics;
mod conclude;
mod db;
mod deadline;
mod detached;
mod end;
mod error;
mod executor;
mod finish;
mod handle;
mod hooks;
pub mod keys;
mod lean;
mod lease;
mod limits;
mod observe;
pub mod pool;
mod pools;
mod recorded;
mod resolve;
mod retry;
mod root;
mod run;
#[cfg(test)]
mod said;
mod savepoint;
mod scope;
mod session;
mod settings;
mod state;
mod statement;
pub mod testing;
mod waits;

#[doc(hidden)]
#[path = "private.rs"]
pub mod __private;

use __private as private;

pub use begin::{Begin, Hook, Outermost, Source};
pub use block::{Again, Block, Matches, Never, Once, on, read, transaction};
pub use characteristics::{BeginMode, Deferrable, Isolation};
pub use db::Db;
pub use detached::{Detached, detached, drained};
pub use end::Outcome;
pub use error::Error;
pub use handle::{Access, AccessOf, Handle, Read, ReadTx, Tx, Write};
pub use limits::{IdleTimeout, Limits};
pub use resolve::{Resolution, Resolvable, Writes};
pub use retry::Retry;
pub use settings::Settings;

#[doc = include_str!("transactional.md")]
pub use sqlx_transactional_macros::transactional;
