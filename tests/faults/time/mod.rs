//! Time limits: the call returns, nothing of it is stored, and neither the pool
//! nor the server keeps anything of it.

mod black_hole;
mod commit;
mod engine;
mod parts;
mod patience;
mod session;
mod stopped;
mod whole;

use sqlx::Error;
use sqlx_transactional_tests::{Setup, TestDb};
use std::time::Duration;

use crate::notes::Notes;

/// A limit that is met by everything that has to be waited for on purpose.
const SHORT: Duration = Duration::from_millis(300);

/// A pool of one connection behind a wire, where there is one.
fn setup() -> Setup {
    Setup::wired().limit(Duration::from_mins(2))
}

/// Whether the error is this crate's own for a limit that was passed.
fn is_timed_out(error: &Error) -> bool {
    sqlx_transactional::Error::find(error).is_some_and(sqlx_transactional::Error::is_timed_out)
}

/// Another session that keeps note 1 locked, or the whole database, until it is
/// rolled back.
async fn blocker<DB: Notes>(db: &TestDb<DB>) -> sqlx::Transaction<'static, DB> {
    let mut blocker = db.observer.begin().await.expect("a transaction");
    DB::insert_on(&mut blocker, 1).await.expect("a note");
    blocker
}
