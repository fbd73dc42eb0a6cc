//! A task that is aborted, at a moment that is known.

use super::setup;
use crate::ledger::{PATIENCE, Run};
use crate::notes::Notes;
use crate::pools::{assert_closes, full, recommended};
use sqlx::Error;
use sqlx_transactional::{Tx, transactional};
use sqlx_transactional_tests::{
    Action, Engine, Point, TestDb, for_each_engine, for_engines, inspect,
};
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};

/// Long enough for something that should not happen to happen.
const A_WHILE: Duration = Duration::from_millis(200);

#[transactional]
async fn stores<DB: Notes>(tx: &mut Tx<'_, DB>, run: &Run) -> Result<(), Error> {
    tx.after_commit(run.on_commit());
    tx.after_rollback(run.on_rollback());
    DB::insert(tx, run.id(1)).await
}

/// Runs a statement that takes far longer than it may.
#[transactional(statement_timeout = "300ms")]
async fn lingers<DB: Notes>(
    tx: &mut Tx<'_, DB>,
    run: &Run,
    begun: oneshot::Sender<()>,
) -> Result<(), Error> {
    tx.after_commit(run.on_commit());
    tx.after_rollback(run.on_rollback());
    DB::insert(tx, run.id(1)).await?;
    let _ = begun.send(());
    DB::linger(tx, 20).await
}

for_each_engine! {
    /// The limit holds without the caller: neither the pool nor the server waits
    /// for the twenty seconds.
    #[test(setup())]
    async fn can_05_a_long_statement_gives_its_connection_back(db: &TestDb<DB>) {
        let pool = db.pool_with(recommended(db.url(), 1)).await;
        let run = Run::new(1);
        let (begun, begins) = oneshot::channel();
        let task = tokio::spawn({
            let (pool, run) = (pool.clone(), run.clone());
            async move { lingers(&pool, &run, begun).await }
        });
        begins.await.unwrap();
        // The statement behind the signal is sent within this.
        sleep(A_WHILE / 4).await;
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
        let next = timeout(PATIENCE, pool.acquire()).await;
        drop(next.expect("the connection is free").unwrap());
        inspect::assert_whole(db, &pool).await;
        assert!(run.stored(db).await.is_empty());
        assert_eq!(run.wait_for_hooks(1).await, (0, 1));
        assert_closes(&pool).await;
    }
}

mod inside_begin {
    use super::*;

    for_engines! {
        [postgres, mysql]

        /// Before the server has it, and before its answer is here.
        #[test(setup())]
        async fn can_08_begin_is_undone(db: &TestDb<DB>) {
            let (pool, _) = full(db, recommended(db.url(), 1)).await;
            for (number, point) in [(1, Point::command(DB::BEGIN)), (2, Point::reply_to(DB::BEGIN))] {
                let run = Run::new(number);
                db.wire().arm(point, Action::Hold);
                let task = tokio::spawn({
                    let (pool, run) = (pool.clone(), run.clone());
                    async move { stores(&pool, &run).await }
                });
                db.wire().wait_until_held().await;
                task.abort();
                assert!(task.await.unwrap_err().is_cancelled());
                db.wire().release();
                inspect::assert_whole(db, &pool).await;
                assert_eq!(run.wait_for_hooks(1).await, (0, 1));
            }
            assert_eq!(db.rows().await, [0; 0]);
            assert_closes(&pool).await;
        }
    }
}

mod inside_begin_on_sqlite {
    use super::*;

    for_engines! {
        [sqlite]

        /// BEGIN waits for the only writer there can be.
        #[test(setup())]
        async fn can_08_begin_is_undone(db: &TestDb<DB>) {
            let pool = db.pool_with(recommended(db.url(), 1)).await;
            let run = Run::new(1);
            let mut writer = db.observer.begin_with("begin immediate").await.unwrap();
            let task = tokio::spawn({
                let (pool, run) = (pool.clone(), run.clone());
                async move { stores(&pool, &run).await }
            });
            sleep(A_WHILE).await;
            assert!(!task.is_finished(), "it waits for the writer");
            task.abort();
            assert!(task.await.unwrap_err().is_cancelled());
            DB::insert_on(&mut writer, 1).await.unwrap();
            writer.commit().await.unwrap();
            inspect::assert_whole(db, &pool).await;
            assert_eq!(run.wait_for_hooks(1).await, (0, 1));
            assert_eq!(db.rows().await, [1]);
            assert_closes(&pool).await;
        }
    }
}

mod inside_a_statement {
    use super::*;

    for_engines! {
        [postgres, mysql]

        /// On PostgreSQL the ROLLBACK comes after the answer; a Sync may come
        /// before it, which asks for nothing but an answer. On MySQL the answers
        /// could not be told apart, and the connection is closed.
        #[test(setup())]
        async fn can_10_nothing_is_sent_behind_a_statement(db: &TestDb<DB>) {
            let wire = db.wire();
            let (pool, _) = full(db, recommended(db.url(), 1)).await;
            stores(&pool, &Run::new(1)).await.unwrap();
            inspect::settle(&pool).await;
            let _ = wire.take_log();
            wire.arm(Point::reply_to("EXECUTE insert into notes"), Action::Hold);
            let run = Run::new(2);
            let call = stores(&pool, &run);
            tokio::select! {
                biased;
                _ = call => panic!("the answer is held"),
                () = wire.wait_until_held() => {}
            }
            sleep(A_WHILE).await;
            let mut log = wire.take_log();
            let ping = db.engine() == Engine::Postgres;
            log.retain(|line| line != "QUIT" && !(ping && line == "PING"));
            let last = log.last().unwrap();
            assert!(last.starts_with("EXECUTE insert into notes"), "{log:?}");
            wire.release();
            inspect::settle(&pool).await;
            assert_eq!(run.wait_for_hooks(1).await, (0, 1));
            let rolled_back = wire.take_log().contains(&"ROLLBACK".to_owned());
            assert_eq!(rolled_back, db.engine() == Engine::Postgres);
            inspect::assert_whole(db, &pool).await;
            assert!(run.stored(db).await.is_empty());
            assert_closes(&pool).await;
        }
    }
}
