//! For the tests of code that uses this crate.

use sqlx::{Database, Pool};

mod transaction;
mod watch;

pub(crate) use self::watch::{Witness, is_any as is_watching};
pub use self::{
    transaction::TestTransaction,
    watch::{End, Watched, watch},
};

use crate::pools;

/// From now on makes it an error to begin a transaction on `pool` inside another
/// one on `pool`, in the same task, whether a connection is left or not.
///
/// Under load such code waits for connections that others hold who wait as well.
/// An application's tests, with a pool of its size for each, do not meet that by
/// chance; with this they meet it for certain. The error is
/// [`is_second_transaction`](crate::Error::is_second_transaction).
///
/// ```
/// # async fn run(pool: sqlx::SqlitePool) {
/// sqlx_transactional::testing::forbid_second_transaction(&pool);
/// # }
/// ```
pub fn forbid_second_transaction<DB: Database>(pool: &Pool<DB>) {
    pools::note(pool, |entry| entry.second_forbidden = true);
}

/// From now on every function and block with a `retry` that begins on `pool` is
/// run twice: where its first attempt would commit, that is rolled back, as if
/// its COMMIT had been refused, and a second one follows.
///
/// A body that must not run twice, because it counts in a variable or sends a
/// mail, works until the day of the first deadlock. With this, it fails its test.
///
/// ```
/// use sqlx::Sqlite;
/// use sqlx_transactional::{Tx, testing, transactional};
///
/// #[transactional(retry)]
/// async fn add(tx: &mut Tx<'_, Sqlite>) -> Result<u32, sqlx::Error> {
///     sqlx::query("insert into notes default values").execute(&mut *tx).await?;
///     Ok(tx.attempt())
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), sqlx::Error> {
/// # let pool = sqlx_transactional::pool::connect::<Sqlite>("sqlite::memory:").await?;
/// # sqlx::raw_sql("create table notes (id integer primary key)").execute(&pool).await?;
/// testing::run_twice(&pool);
/// assert_eq!(add(&pool).await?, 2);
/// # let notes: i64 = sqlx::query_scalar("select count(*) from notes").fetch_one(&pool).await?;
/// # assert_eq!(notes, 1);
/// # Ok(())
/// # }
/// ```
pub fn run_twice<DB: Database>(pool: &Pool<DB>) {
    pools::note(pool, |entry| entry.runs_twice = true);
}
