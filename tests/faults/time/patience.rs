//! How long a connection may take to become clean: behind the deadline of its call
//! its locks are in others' way.

use super::{SHORT, is_timed_out, setup};
use crate::ledger::Run;
use crate::notes::Notes;
use sqlx::Error;
use sqlx_transactional::{Limits, on, transaction};
use sqlx_transactional_tests::{Action, Engine, Point, TestDb, for_engines, inspect};
use std::{future::pending, thread, time::Duration};

/// What the server calls the session of the pool's only connection.
async fn session<DB: Notes>(db: &TestDb<DB>) -> Vec<i64> {
    db.assert_whole().await;
    let number = match db.engine() {
        Engine::Postgres => "select pg_backend_pid()::bigint",
        _ => "select cast(connection_id() as signed)",
    };
    let mut connection = db.pool.acquire().await.unwrap();
    DB::numbers(&mut connection, number).await.unwrap()
}

for_engines! {
    [postgres, mysql]

    #[test(setup())]
    async fn before_the_deadline_a_slow_rollback_is_waited_for(db: &TestDb<DB>) {
        let before = session(db).await;
        // More than there is behind a deadline.
        let slow = Action::Delay(Duration::from_millis(600));
        db.wire().arm(Point::reply_to("ROLLBACK"), slow);
        let ended = transaction(&db.pool, async |tx| {
            DB::insert(tx, 1).await?;
            Err::<(), _>(Error::RowNotFound)
        });
        assert!(matches!(ended.await, Err(Error::RowNotFound)));
        assert_eq!(session(db).await, before);
        assert_eq!(db.wire().fired(), 1);
    }

    /// It does not get more than one that begins there.
    #[test(setup())]
    async fn a_slow_rollback_is_not_waited_for_beyond_the_deadline(db: &TestDb<DB>) {
        let before = session(db).await;
        // Less than there would be if there were no deadline.
        let slow = Action::Delay(Duration::from_millis(1_100));
        db.wire().arm(Point::reply_to("ROLLBACK"), slow);
        let block = on(&db.pool).limits(Limits::new().timeout(SHORT));
        let ended = block.run(async |tx| {
            DB::insert(tx, 1).await?;
            Err::<(), _>(Error::RowNotFound)
        });
        assert!(matches!(ended.await, Err(Error::RowNotFound)));
        assert_ne!(session(db).await, before);
        assert_eq!(db.wire().fired(), 1);
    }
}

/// What an embedded engine runs has an end, and the hooks are behind it.
mod on_sqlite {
    use super::*;

    for_engines! {
        [sqlite]

        #[test(setup())]
        async fn a_slow_rollback_keeps_its_hooks(db: &TestDb<DB>) {
            let mut connection = db.pool.acquire().await.unwrap();
            let mut engine = connection.lock_handle().await.unwrap();
            // More than there is behind a deadline.
            engine.set_rollback_hook(|| thread::sleep(Duration::from_millis(1_500)));
            drop(engine);
            drop(connection);
            inspect::settle(&db.pool).await;
            let run = Run::new(1);
            let block = on(&db.pool).limits(Limits::new().timeout(SHORT));
            let ended = block.run(async |tx| {
                tx.after_rollback(run.on_rollback());
                DB::insert(tx, run.id(1)).await?;
                Err::<(), _>(Error::RowNotFound)
            });
            assert!(matches!(ended.await, Err(Error::RowNotFound)));
            assert_eq!(run.ran(), (0, 0), "nobody waits for it");
            assert_eq!(run.wait_for_hooks(1).await, (0, 1));
            assert!(run.stored(db).await.is_empty());
        }
    }
}

/// PostgreSQL ends such a session itself: BEGIN told it the limit.
mod on_mysql {
    use super::*;

    for_engines! {
        [mysql]

        #[test(setup())]
        async fn behind_the_deadline_it_is_not(db: &TestDb<DB>) {
            let before = session(db).await;
            // Less than there is before it.
            let slow = Action::Delay(Duration::from_millis(1_100));
            db.wire().arm(Point::reply_to("ROLLBACK"), slow);
            let block = on(&db.pool).limits(Limits::new().timeout(SHORT));
            let ended = block.run(async |tx| {
                DB::insert(tx, 1).await?;
                pending::<Result<(), Error>>().await
            });
            assert!(is_timed_out(&ended.await.unwrap_err()));
            assert_ne!(session(db).await, before);
            assert_eq!(db.wire().fired(), 1);
        }

        /// BEGIN as well, which nobody waits for any more.
        #[test(setup())]
        async fn behind_the_deadline_a_slow_begin_is_not_either(db: &TestDb<DB>) {
            let before = session(db).await;
            let slow = Action::Delay(Duration::from_millis(1_600));
            db.wire().arm(Point::reply_to(DB::BEGIN), slow);
            let block = on(&db.pool).limits(Limits::new().timeout(SHORT));
            let ended = block.run(async |tx| DB::insert(tx, 1).await);
            assert!(is_timed_out(&ended.await.unwrap_err()));
            assert_ne!(session(db).await, before);
            assert_eq!(db.wire().fired(), 1);
        }
    }
}
