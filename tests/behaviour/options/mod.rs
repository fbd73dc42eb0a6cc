//! What the options of a transaction do.

use sqlx_transactional_tests::{Backend, TestDb};

mod attribute;
mod deferrable;
mod found;
mod ignored;
mod isolation;
mod keyed;
mod locking;
mod place;
mod retry;
mod rules;
mod session;
mod settings;
mod too_late;

/// Asserts that these notes are stored, and removes them.
///
/// # Panics
///
/// When others are.
pub(crate) async fn assert_stored<DB: Backend>(db: &TestDb<DB>, ids: &[i64]) {
    assert_eq!(db.rows().await, ids);
    let mut observer = db.observer.acquire().await.unwrap();
    DB::execute(&mut observer, "delete from notes")
        .await
        .unwrap();
}
