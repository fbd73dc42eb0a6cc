//! The end of a server's session whose line is dead.

use super::setup;
use crate::ledger::Run;
use crate::notes::Notes;
use crate::pools::recommended;
use sqlx::Error;
use sqlx_transactional::{Tx, transactional};
use sqlx_transactional_tests::{Action, Point, TestDb, for_engines, inspect};
use std::time::Duration;

#[transactional(timeout = "300ms")]
async fn insert<DB: Notes>(tx: &mut Tx<'_, DB>, run: &Run) -> Result<(), Error> {
    DB::insert(tx, run.id(1)).await
}

for_engines! {
    [mysql]

    /// As on a server that is out of connections when many calls end at once.
    /// PostgreSQL ends such a session itself: BEGIN told it the limit.
    #[test(setup())]
    async fn a_session_is_ended_though_the_first_try_is_refused(db: &TestDb<DB>) {
        let pool = db.pool_with(recommended(db.url(), 1)).await;
        let wire = db.wire();
        wire.arm(Point::reply_to("EXECUTE insert"), Action::BlackHole);
        wire.refuse_connections(true);
        let error = insert(&pool, &Run::new(1)).await.unwrap_err();
        assert!(sqlx_transactional::Error::find(&error).unwrap().is_timed_out());
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert!(!inspect::left_behind(db).await.is_empty(), "it is still there");
        wire.refuse_connections(false);
        inspect::assert_whole(db, &pool).await;
    }
}
