//! What was sent is seen to its end, also when the caller goes away.

use crate::ledger::{PATIENCE, Run, eventually};
use crate::notes::Notes;
use crate::pools::{assert_closes, full, recommended};
use sqlx::{Error, Pool};
use sqlx_transactional::{ReadTx, Tx, transactional};
use sqlx_transactional_tests::{
    Action, Engine, Point, Setup, TestDb, for_each_engine, for_engines, inspect,
};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, atomic::AtomicUsize};
use tokio::sync::Notify;
use tokio::time::timeout;

#[transactional]
async fn stores<DB: Notes>(tx: &mut Tx<'_, DB>, run: &Run) -> Result<(), Error> {
    tx.after_commit(run.on_commit());
    tx.after_rollback(run.on_rollback());
    DB::insert(tx, run.id(1)).await
}

#[transactional]
async fn fails<DB: Notes>(tx: &mut Tx<'_, DB>, run: &Run) -> Result<(), Error> {
    stores(tx, run).await?;
    Err(Error::RowNotFound)
}

#[transactional]
async fn reads<DB: Notes>(tx: &mut ReadTx<'_, DB>, run: &Run) -> Result<(), Error> {
    tx.after_commit(run.on_commit());
    tx.after_rollback(run.on_rollback());
    DB::count(tx).await.map(drop)
}

/// Drops the call while the message at `point` is held, and lets it go on.
async fn dropped_at<DB: Notes, T>(db: &TestDb<DB>, point: Point, call: impl Future<Output = T>) {
    let wire = db.wire();
    wire.arm(point, Action::Hold);
    tokio::select! {
        biased;
        _ = call => panic!("the message is held"),
        () = wire.wait_until_held() => {}
    }
    wire.release();
}

/// Asserts that the connection that was there before is in the pool, clean.
async fn assert_same_connection<DB: Notes>(db: &TestDb<DB>, pool: &Pool<DB>, opened: &AtomicUsize) {
    inspect::assert_whole(db, pool).await;
    assert_eq!(opened.load(Ordering::SeqCst), 0, "connections were opened");
    assert_eq!(db.wire().counts().connections, 0, "connections were opened");
}

/// What the pool was used for, without the test's own questions.
fn ends(log: &[String]) -> Vec<&str> {
    // What restores a connection asks behind ROLLBACK whether the answers are in step.
    let first = |line: &'_ String| {
        line.split_once("; ")
            .map_or(line.len(), |(first, _)| first.len())
    };
    let firsts = log.iter().map(|line| &line[..first(line)]);
    firsts
        .filter(|line| matches!(*line, "COMMIT" | "ROLLBACK"))
        .collect()
}

for_engines! {
    [postgres, mysql]

    #[test(Setup::wired())]
    async fn can_03_a_commit_and_its_hooks(db: &TestDb<DB>) {
        let (pool, opened) = full(db, recommended(db.url(), 1)).await;
        for (number, point) in [(1, Point::command("COMMIT")), (2, Point::reply_to("COMMIT"))] {
            let run = Run::new(number);
            dropped_at(db, point, stores(&pool, &run)).await;
            assert_eq!(run.wait_for_hooks(1).await, (1, 0));
            assert_eq!(run.stored(db).await, [1]);
            assert_same_connection(db, &pool, &opened).await;
            assert_eq!(ends(&db.wire().take_log()), ["COMMIT"]);
            assert_eq!(run.ran(), (1, 0));
        }
        assert_closes(&pool).await;
    }

    #[test(Setup::wired())]
    async fn can_03_a_commit_of_a_task_that_is_aborted(db: &TestDb<DB>) {
        let (pool, opened) = full(db, recommended(db.url(), 1)).await;
        let run = Run::new(1);
        db.wire().arm(Point::command("COMMIT"), Action::Hold);
        let task = tokio::spawn({
            let (pool, run) = (pool.clone(), run.clone());
            async move { stores(&pool, &run).await }
        });
        db.wire().wait_until_held().await;
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
        assert_eq!(db.rows().await, [0; 0], "not before the message goes on");
        db.wire().release();
        assert_eq!(run.wait_for_hooks(1).await, (1, 0));
        assert_eq!(run.stored(db).await, [1]);
        assert_same_connection(db, &pool, &opened).await;
    }

    #[test(Setup::wired())]
    async fn a_rollback_and_its_hooks(db: &TestDb<DB>) {
        let (pool, opened) = full(db, recommended(db.url(), 1)).await;
        for (number, point) in [(1, Point::command("ROLLBACK")), (2, Point::reply_to("ROLLBACK"))] {
            let run = Run::new(number);
            dropped_at(db, point, fails(&pool, &run)).await;
            assert_eq!(run.wait_for_hooks(1).await, (0, 1));
            assert_same_connection(db, &pool, &opened).await;
            assert_eq!(ends(&db.wire().take_log()), ["ROLLBACK"]);
        }
        assert_eq!(db.rows().await, [0; 0]);
        assert_closes(&pool).await;
    }

    #[test(Setup::wired())]
    async fn can_03_a_reader_too(db: &TestDb<DB>) {
        let (pool, opened) = full(db, recommended(db.url(), 1)).await;
        let run = Run::new(1);
        dropped_at(db, Point::reply_to("COMMIT"), reads(&pool, &run)).await;
        assert_eq!(run.wait_for_hooks(1).await, (1, 0));
        assert_same_connection(db, &pool, &opened).await;
    }

    /// The answer is waited for, and then there is nothing to keep.
    #[test(Setup::wired())]
    async fn can_02_a_begin_is_undone(db: &TestDb<DB>) {
        let (pool, opened) = full(db, recommended(db.url(), 1)).await;
        for (number, point) in [(1, Point::command(DB::BEGIN)), (2, Point::reply_to(DB::BEGIN))] {
            let run = Run::new(number);
            dropped_at(db, point, stores(&pool, &run)).await;
            assert_eq!(run.wait_for_hooks(1).await, (0, 1));
            assert_same_connection(db, &pool, &opened).await;
            assert_eq!(ends(&db.wire().take_log()), ["ROLLBACK"]);
        }
        assert_eq!(db.rows().await, [0; 0]);
        assert_closes(&pool).await;
    }

    /// What is in flight when the caller goes is waited for on PostgreSQL; on
    /// MySQL nobody can read on, so that the connection is closed.
    #[test(Setup::wired())]
    async fn can_01_a_statement_is_undone(db: &TestDb<DB>) {
        let (pool, opened) = full(db, recommended(db.url(), 1)).await;
        for (number, point) in [
            (1, Point::command("EXECUTE insert into notes")),
            (2, Point::reply_to("EXECUTE insert into notes")),
        ] {
            let run = Run::new(number);
            dropped_at(db, point, stores(&pool, &run)).await;
            assert_eq!(run.wait_for_hooks(1).await, (0, 1));
            inspect::assert_whole(db, &pool).await;
            let opened = opened.load(Ordering::SeqCst);
            match db.engine() {
                Engine::MySql => assert!(opened <= 2, "{opened} connections were opened"),
                _ => assert_eq!(opened, 0, "connections were opened"),
            }
        }
        assert_eq!(db.rows().await, [0; 0]);
        assert_closes(&pool).await;
    }
}

mod hooks {
    use super::*;

    for_each_engine! {
        #[test]
        async fn a_hook_goes_on_without_its_caller(db: &TestDb<DB>) {
            let (reached, goes_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
            let done = Arc::new(AtomicBool::new(false));
            let run = Run::new(1);
            let hook = {
                let (reached, goes_on) = (Arc::clone(&reached), Arc::clone(&goes_on));
                let done = Arc::clone(&done);
                async move {
                    reached.notify_one();
                    goes_on.notified().await;
                    done.store(true, Ordering::SeqCst);
                }
            };
            let call = sqlx_transactional::transaction(&db.pool, async |tx: &mut Tx<'_, DB>| {
                tx.after_commit(hook);
                stores(tx, &run).await
            });
            tokio::select! {
                biased;
                _ = call => panic!("the first hook waits"),
                () = reached.notified() => {}
            }
            assert_eq!(run.stored(db).await, [1], "it is a hook of what is stored");
            // The connection is back before the hooks run.
            timeout(PATIENCE, db.pool.acquire()).await.unwrap().unwrap();
            assert!(!done.load(Ordering::SeqCst));
            goes_on.notify_one();
            assert_eq!(run.wait_for_hooks(1).await, (1, 0), "the second hook");
            assert!(eventually(|| done.load(Ordering::SeqCst)).await);
            db.assert_whole().await;
        }
    }
}
