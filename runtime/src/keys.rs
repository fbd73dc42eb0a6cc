//! Idempotency keys: a call with one does its work once, however often it is
//! made.
//!
//! A function marked `#[transactional(key = expr)]`, or a block with
//! [`key`](crate::Block::key), writes the key into a table before anything else,
//! in the same transaction as its work. So the key is there if and only if the
//! work is. A call whose key is there does nothing and returns
//! [`is_already_done`](crate::Error::is_already_done); one whose key is being
//! written by another call waits for that call's end. After an
//! [unknown outcome](crate::Error::is_outcome_unknown) making the call again with
//! the same key is therefore always right.
//!
//! The key is 1 to 255 bytes. Its table is `sqlx_transactional_keys`; [`table`]
//! has the SQL that creates it, for a migration of the application's. Rows are
//! never deleted here: how long a call may be repeated is the application's to
//! say (`delete from sqlx_transactional_keys where done_at < …`).
//!
//! ```
//! use sqlx::Sqlite;
//! use sqlx_transactional::{Tx, keys, transactional};
//!
//! #[transactional(key = order)]
//! async fn book(tx: &mut Tx<'_, Sqlite>, order: &str, amount: i64) -> Result<(), sqlx::Error> {
//!     sqlx::query("insert into bookings (amount) values (?)").bind(amount).execute(tx).await?;
//!     Ok(())
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), sqlx::Error> {
//! # let pool = sqlx_transactional::pool::connect::<Sqlite>("sqlite::memory:").await?;
//! # sqlx::raw_sql("create table bookings (amount integer)").execute(&pool).await?;
//! sqlx::raw_sql(keys::table::<Sqlite>()).execute(&pool).await?;
//! book(&pool, "order 7", 5).await?;
//! let again = book(&pool, "order 7", 5).await.unwrap_err();
//! assert!(sqlx_transactional::Error::find(&again).is_some_and(|found| found.is_already_done()));
//! # let booked: i64 = sqlx::query_scalar("select count(*) from bookings").fetch_one(&pool).await?;
//! # assert_eq!(booked, 1);
//! # Ok(())
//! # }
//! ```

use std::sync::Arc;

use sqlx::Database;

use crate::{
    backend::{self, Damage},
    error::{Error, Kind},
    executor::{in_time, open},
    recorded::record,
    scope::Core,
};

/// The SQL that creates the table of keys where there is none, one statement.
#[must_use]
pub fn table<DB: Database>() -> &'static str {
    backend::of::<DB>().key_table()
}

/// Writes `key`, or says that it is there.
pub(crate) async fn claim<DB: Database>(
    core: &mut (dyn Core<DB> + '_),
    key: &str,
) -> Result<(), sqlx::Error> {
    if key.is_empty() || key.len() > 255 {
        core.state()
            .forbid(Damage::Scope, Kind::Unsupported(LENGTH));
        return Err(Error::new(Kind::Unsupported(LENGTH)).into());
    }
    let backend = backend::of::<DB>();
    let (connection, state) = open(core).await?;
    let claimed = in_time::<DB, _>(state, backend.claim(connection, key)).await?;
    state.in_flight = None;
    let Err(error) = claimed else {
        return Ok(());
    };
    let is_there = error
        .as_database_error()
        .is_some_and(sqlx::error::DatabaseError::is_unique_violation);
    if !is_there {
        let damage = backend.damage(&error).max(Damage::Scope);
        return Err(state.met::<DB>(damage, error));
    }
    let already = || Error::because(Kind::AlreadyDone, record(&error));
    state.hurt(Damage::Scope, || Arc::new(already().into()));
    Err(already().into())
}

const LENGTH: &str = "an idempotency key has 1 to 255 bytes";
