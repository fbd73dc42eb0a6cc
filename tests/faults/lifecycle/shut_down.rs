//! An application that shuts down in order: what its clients left behind is waited
//! for, and what cannot be is told.

use crate::ledger::{PATIENCE, Run, eventually};
use crate::notes::Notes;
use crate::pauses::with_pauses;
use crate::pools::{assert_closes, recommended, slow};
use sqlx::{Error, pool::PoolOptions};
use sqlx_transactional::{Tx, detached, drained, transaction, transactional};
use sqlx_transactional_tests::{
    Action, Point, Setup, TestDb, for_each_engine, for_engines, poll_k_then_drop,
};
use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::sleep;

/// Longer than anything takes to which nobody has to be told to go on.
const A_WHILE: Duration = Duration::from_millis(200);

#[transactional]
async fn stores<DB: Notes>(tx: &mut Tx<'_, DB>, run: &Run) -> Result<(), Error> {
    tx.after_commit(run.on_commit());
    tx.after_rollback(run.on_rollback());
    DB::insert(tx, run.id(1)).await
}

for_each_engine! {
    #[test]
    async fn a_hook_without_its_client_is_waited_for(db: &TestDb<DB>) {
        let reached = Arc::new(Notify::new());
        let done = Arc::new(AtomicBool::new(false));
        let run = Run::new(1);
        let hook = {
            let (reached, done) = (Arc::clone(&reached), Arc::clone(&done));
            async move {
                reached.notify_one();
                sleep(A_WHILE).await;
                done.store(true, Ordering::SeqCst);
            }
        };
        let call = transaction(&db.pool, async |tx: &mut Tx<'_, DB>| {
            tx.after_commit(hook);
            stores(tx, &run).await
        });
        tokio::select! {
            biased;
            _ = call => panic!("its hook takes a while"),
            () = reached.notified() => {}
        }
        assert_eq!(detached().hooks, 1);
        let left = drained(PATIENCE).await;
        assert!(left.is_empty(), "{left}");
        assert!(done.load(Ordering::SeqCst));
        assert_eq!(run.ran(), (1, 0), "the hook behind it");
        assert_closes(&db.pool).await;
        assert_eq!(run.stored(db).await, [1]);
    }

    #[test]
    async fn what_does_not_end_in_time_is_told(db: &TestDb<DB>) {
        let reached = Arc::new(Notify::new());
        let tell = Arc::clone(&reached);
        let call = transaction(&db.pool, async |tx: &mut Tx<'_, DB>| {
            tx.after_commit(async move {
                tell.notify_one();
                pending::<()>().await;
            });
            DB::insert(tx, 1).await
        });
        tokio::select! {
            biased;
            _ = call => panic!("its hook does not end"),
            () = reached.notified() => {}
        }
        let left = drained(A_WHILE).await;
        assert_eq!((left.hooks, left.commits, left.rollbacks), (1, 0, 0), "{left}");
        assert!(left.to_string().contains("1 with hooks"), "{left}");
        assert!(!left.is_empty());
        db.assert_whole().await;
        assert_eq!(db.rows().await, [1]);
    }

    /// Wherever the client leaves: behind the wait a hook has run, and it is that of
    /// what is stored.
    #[test(Setup::default().limit(Duration::from_mins(2)))]
    async fn wherever_the_client_leaves_the_hooks_have_run(db: &TestDb<DB>) {
        let pool = slow(db, recommended(db.url(), 1)).await;
        let mut finished = false;
        for k in 0..100 {
            let run = Run::new(1 + i64::try_from(k).expect("a few"));
            let ended = poll_k_then_drop(with_pauses(stores(&pool, &run)), k).await;
            finished = ended.is_some();
            let left = drained(PATIENCE).await;
            assert!(left.is_empty(), "poll {k}: {left}");
            let expected = match &*run.stored(db).await {
                _ if !run.has_hooks() => (0, 0),
                [1] => (1, 0),
                _ => (0, 1),
            };
            assert_eq!(run.ran(), expected, "poll {k}");
            if finished {
                break;
            }
        }
        assert!(finished, "the call has no end");
        assert_closes(&pool).await;
    }

    /// Then it is gone, and not waited for.
    #[test]
    async fn what_a_runtime_drops_at_its_end_is_not_counted_any_more(db: &TestDb<DB>) {
        let url = db.url().to_owned();
        let counts = tokio::task::spawn_blocking(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread();
            let runtime = { runtime }.worker_threads(1).enable_all().build().unwrap();
            let during = runtime.block_on(async {
                let pool = PoolOptions::<DB>::new().connect(&url).await.unwrap();
                let call = transaction(&pool, async |tx: &mut Tx<'_, DB>| {
                    tx.after_commit(pending());
                    DB::insert(tx, 1).await
                });
                assert!(tokio::time::timeout(A_WHILE * 3, call).await.is_err());
                drained(A_WHILE).await.hooks
            });
            drop(runtime);
            during
        });
        assert_eq!(counts.await.unwrap(), 1);
        assert!(eventually(|| detached().is_empty()).await, "{}", detached());
        assert_eq!(db.rows().await, [1]);
    }
}

mod behind_a_wire {
    use super::*;
    use sqlx_transactional::testing::TestTransaction;

    for_engines! {
        [postgres, mysql]

        /// Drops the call while the answer at `point` is held.
        async fn left_at<T>(db: &TestDb<DB>, point: Point, call: impl Future<Output = T>) {
            db.wire().arm(point, Action::Hold);
            tokio::select! {
                biased;
                _ = call => panic!("the message is held"),
                () = db.wire().wait_until_held() => {}
            }
        }

        #[test(Setup::wired())]
        async fn a_commit_without_its_client_is_waited_for(db: &TestDb<DB>) {
            let run = Run::new(1);
            left_at(db, Point::reply_to("COMMIT"), stores(&db.pool, &run)).await;
            assert_eq!(detached().commits, 1);
            let left = drained(A_WHILE).await;
            assert_eq!((left.commits, left.hooks), (1, 0), "{left}");
            assert_eq!(run.ran(), (0, 0));
            db.wire().release();
            let left = drained(PATIENCE).await;
            assert!(left.is_empty(), "{left}");
            assert_eq!(run.ran(), (1, 0));
            assert_closes(&db.pool).await;
            assert_eq!(run.stored(db).await, [1]);
        }

        #[test(Setup::wired())]
        async fn so_is_a_begin(db: &TestDb<DB>) {
            let run = Run::new(1);
            left_at(db, Point::reply_to(DB::BEGIN), stores(&db.pool, &run)).await;
            let left = drained(A_WHILE).await;
            assert!(!left.is_empty(), "{left}");
            db.wire().release();
            let left = drained(PATIENCE).await;
            assert!(left.is_empty(), "{left}");
            assert_eq!(run.ran(), (0, 1));
            assert_closes(&db.pool).await;
            assert_eq!(run.stored(db).await, [0; 0]);
        }

        /// A call in a test's transaction whose client leaves amid its end.
        #[test(Setup::wired())]
        async fn a_call_in_a_test_loses_no_hook(db: &TestDb<DB>) {
            let run = Run::new(1);
            let mut test = TestTransaction::new(&db.pool);
            left_at(db, Point::reply_to("RELEASE"), stores(&mut test, &run)).await;
            db.wire().release();
            let left = drained(PATIENCE).await;
            assert!(left.is_empty(), "{left}");
            assert_eq!(run.ran(), (0, 1));
            drop(test);
            db.assert_whole().await;
        }
    }
}
