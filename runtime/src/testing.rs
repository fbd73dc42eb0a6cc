//! For the tests of code that uses this crate.

use sqlx::{Database, Pool};

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
    crate::waits::forbid(pool);
}
