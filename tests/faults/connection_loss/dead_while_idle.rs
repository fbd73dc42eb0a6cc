//! Connections that died in the pool, which a pool that does not test them
//! hands out all the same.

use super::stores;
use crate::ledger::Run;
use crate::notes::Notes;
use crate::pools::{assert_closes, full, recommended};
use crate::sessions;
use futures_util::future::join_all;
use sqlx::Pool;
use sqlx_transactional::ReadTx;
use sqlx_transactional_tests::{Action, Point, Setup, TestDb, for_engines, inspect};
use std::sync::atomic::Ordering;

async fn assert_stored<DB: Notes>(db: &TestDb<DB>, run: &Run) {
    assert_eq!(run.stored(db).await, [1, 2]);
    assert_eq!(run.ran(), (1, 0));
}

/// A recommended pool of so many connections, all of them dead.
async fn dead<DB: Notes>(db: &TestDb<DB>, connections: u32) -> Pool<DB> {
    let (pool, _) = full(db, recommended(db.url(), connections)).await;
    sessions::end_all(db).await;
    assert_eq!(pool.size(), connections, "the pool does not know");
    pool
}

for_engines! {
    [postgres, mysql]

    #[test(Setup::wired())]
    async fn plain_sqlx_gives_its_error_to_the_caller(db: &TestDb<DB>) {
        let pool = dead(db, 1).await;
        pool.begin().await.expect_err("which is why BEGIN is tried again here");
    }

    #[test(Setup::wired())]
    async fn pool_06_one(db: &TestDb<DB>) {
        let pool = dead(db, 1).await;
        let run = Run::new(1);
        stores(&pool, &run).await.unwrap();
        assert_stored(db, &run).await;
        inspect::assert_whole(db, &pool).await;
        assert_closes(&pool).await;
    }

    #[test(Setup::wired())]
    async fn pool_06_all_of_three(db: &TestDb<DB>) {
        let pool = dead(db, 3).await;
        let run = Run::new(1);
        stores(&pool, &run).await.unwrap();
        assert_stored(db, &run).await;
        inspect::assert_whole(db, &pool).await;
        assert_closes(&pool).await;
    }

    #[test(Setup::wired())]
    async fn pool_06_all_of_three_for_eight_at_once(db: &TestDb<DB>) {
        let pool = dead(db, 3).await;
        let runs: Vec<Run> = (1..=8).map(Run::new).collect();
        for outcome in join_all(runs.iter().map(|run| stores(&pool, run))).await {
            outcome.unwrap();
        }
        for run in &runs {
            assert_stored(db, run).await;
        }
        inspect::assert_whole(db, &pool).await;
        assert_closes(&pool).await;
    }

    #[test(Setup::wired())]
    async fn pool_06_for_a_reader(db: &TestDb<DB>) {
        let pool = dead(db, 2).await;
        let read = sqlx_transactional::read(&pool, async |tx: &mut ReadTx<'_, DB>| {
            DB::count(tx).await
        });
        assert_eq!(read.await.unwrap(), 0);
        inspect::assert_whole(db, &pool).await;
    }

    /// A plain pool finds out by itself.
    #[test(Setup::wired())]
    async fn pool_06_on_a_plain_pool(db: &TestDb<DB>) {
        sessions::end_all(db).await;
        let run = Run::new(1);
        stores(&db.pool, &run).await.unwrap();
        assert_stored(db, &run).await;
        db.assert_whole().await;
    }

    /// Whether BEGIN got there does not matter: nothing was done in it.
    #[test(Setup::wired())]
    async fn pool_06_lost_during_begin(db: &TestDb<DB>) {
        let wire = db.wire();
        let (pool, opened) = full(db, recommended(db.url(), 1)).await;
        let mut number = 0;
        for action in [Action::Cut, Action::Truncate] {
            for point in [Point::command(DB::BEGIN), Point::reply_to(DB::BEGIN)] {
                number += 1;
                wire.arm(point, action);
                let run = Run::new(number);
                stores(&pool, &run).await.unwrap();
                assert_stored(db, &run).await;
                inspect::assert_whole(db, &pool).await;
                let log = wire.take_log();
                let begun = log.iter().filter(|line| *line == DB::BEGIN).count();
                assert_eq!(begun, 2, "{log:?}");
            }
        }
        assert_eq!(wire.fired(), 4);
        assert_eq!(opened.load(Ordering::SeqCst), 4, "one for each that was lost");
        assert_closes(&pool).await;
    }

    /// Once more for each connection that the pool may have.
    #[test(Setup::wired())]
    async fn one_begin_more_is_lost_than_the_pool_has_connections(db: &TestDb<DB>) {
        let wire = db.wire();
        let (pool, _) = full(db, recommended(db.url(), 2)).await;
        for _ in 0..3 {
            wire.arm(Point::command(DB::BEGIN), Action::Cut);
        }
        let error = stores(&pool, &Run::new(1)).await.unwrap_err();
        assert!(!crate::connection_loss::is_unknown(&error), "{error:?}");
        assert_eq!(wire.fired(), 3);
        let log = wire.take_log();
        let begun = log.iter().filter(|line| *line == DB::BEGIN).count();
        assert_eq!(begun, 3, "{log:?}");
        inspect::assert_whole(db, &pool).await;
    }

    /// Nobody tries for ever.
    #[test(Setup::wired())]
    async fn a_server_that_is_gone_is_an_error(db: &TestDb<DB>) {
        let pool = dead(db, 2).await;
        db.wire().refuse_connections(true);
        let run = Run::new(1);
        let error = stores(&pool, &run).await.unwrap_err();
        let found = sqlx_transactional::Error::find(&error);
        assert!(found.is_none(), "nothing was sent: {found:?}");
        assert_eq!(run.wait_for_hooks(1).await, (0, 1));
        db.wire().refuse_connections(false);
        let run = Run::new(2);
        stores(&pool, &run).await.unwrap();
        assert_stored(db, &run).await;
        inspect::assert_whole(db, &pool).await;
    }
}
