//! A connection that comes into the pool one answer behind.

use super::stores;
use crate::ledger::Run;
use crate::pools::{full, recommended};
use sqlx_transactional_tests::{TestDb, for_engines, inspect};
use std::sync::atomic::Ordering;

for_engines! {
    [postgres]

    /// sqlx says that BEGIN began nothing: it has the answer to something else.
    #[test]
    async fn connection_that_answers_something_else_is_begun_on_the_next(db: &TestDb<DB>) {
        let (pool, opened) = full(db, recommended(db.url(), 1)).await;
        let mut connection = pool.acquire().await.unwrap();
        let copy = connection.copy_in_raw("copy notes from stdin").await.unwrap();
        drop(copy);
        drop(connection);
        let run = Run::new(1);
        stores(&pool, &run).await.unwrap();
        assert_eq!(run.wait_for_hooks(1).await, (1, 0));
        assert_eq!(run.stored(db).await, [1, 2]);
        assert!(opened.load(Ordering::SeqCst) <= 1, "it was closed once");
        inspect::assert_whole(db, &pool).await;
    }
}
