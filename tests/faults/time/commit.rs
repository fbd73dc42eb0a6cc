//! The end of the time while COMMIT is under way.

use super::{SHORT, setup};
use crate::ledger::{Run, eventually};
use crate::notes::Notes;
use crate::pools::recommended;
use sqlx::Error;
use sqlx_transactional::{Tx, transactional};
use sqlx_transactional_tests::{Action, Point, TestDb, for_engines, inspect};

#[transactional(timeout = "300ms")]
async fn pair<DB: Notes>(tx: &mut Tx<'_, DB>, run: &Run) -> Result<(), Error> {
    tx.after_commit(run.on_commit());
    tx.after_rollback(run.on_rollback());
    DB::insert(tx, run.id(1)).await?;
    DB::insert(tx, run.id(2)).await
}

#[transactional(timeout = "300ms")]
async fn with_a_slow_hook<DB: Notes>(tx: &mut Tx<'_, DB>, run: &Run) -> Result<(), Error> {
    let mark = run.on_commit();
    tx.after_commit(async move {
        tokio::time::sleep(SHORT * 3).await;
        mark.await;
    });
    DB::insert(tx, run.id(1)).await
}

#[transactional(timeout = "300ms")]
async fn refuses<DB: Notes>(tx: &mut Tx<'_, DB>, run: &Run) -> Result<(), Error> {
    tx.after_commit(run.on_commit());
    tx.after_rollback(run.on_rollback());
    DB::insert(tx, run.id(1)).await?;
    Err(Error::RowNotFound)
}

for_engines! {
    [postgres, mysql]

    /// The server does not get it, or gets it and its answer does not come: the
    /// caller cannot know, and is told so; the session does not stay.
    #[test(setup())]
    async fn amb_08_an_answer_that_does_not_come_is_an_unknown_outcome(db: &TestDb<DB>) {
        let pool = db.pool_with(recommended(db.url(), 1)).await;
        for (number, point) in [(1, Point::command("COMMIT")), (2, Point::reply_to("COMMIT"))] {
            let run = Run::new(number);
            db.wire().arm(point, Action::BlackHole);
            let error = pair(&pool, &run).await.unwrap_err();
            let found = sqlx_transactional::Error::find(&error).unwrap();
            assert!(found.is_outcome_unknown(), "{error:?}");
            assert_eq!(found.sqlstate(), "08007");
            inspect::assert_whole(db, &pool).await;
            let stored = run.stored(db).await;
            let wanted: &[i64] = if number == 1 { &[] } else { &[1, 2] };
            assert_eq!(stored, wanted);
            assert_eq!(run.ran(), (0, 0), "nobody knows which hooks to run");
        }
    }

    /// Late, but it comes: the work is done, and so are the hooks.
    #[test(setup())]
    async fn an_answer_that_comes_a_little_later_runs_the_hooks(db: &TestDb<DB>) {
        let pool = db.pool_with(recommended(db.url(), 1)).await;
        let run = Run::new(1);
        db.wire().arm(Point::reply_to("COMMIT"), Action::Delay(SHORT + SHORT / 3));
        let error = pair(&pool, &run).await.unwrap_err();
        let found = sqlx_transactional::Error::find(&error).unwrap();
        assert!(found.is_outcome_unknown(), "{error:?}");
        assert_eq!(run.wait_for_hooks(1).await, (1, 0));
        assert_eq!(run.stored(db).await, [1, 2]);
        inspect::assert_whole(db, &pool).await;
    }

    /// COMMIT was answered in time: what comes after it takes nothing back.
    #[test(setup())]
    async fn a_hook_that_takes_too_long_changes_nothing(db: &TestDb<DB>) {
        let run = Run::new(1);
        with_a_slow_hook(&db.pool, &run).await.unwrap();
        assert_eq!(run.stored(db).await, [1]);
        assert_eq!(run.ran(), (0, 0), "it is not waited for");
        assert!(eventually(|| run.ran() == (1, 0)).await);
        db.assert_whole().await;
    }

    /// The body's error does not wait for a ROLLBACK that is not answered, and
    /// the hooks do not need the answer: what had no COMMIT is rolled back.
    #[test(setup())]
    async fn an_err_stays_what_it_is(db: &TestDb<DB>) {
        let points = [Point::command("ROLLBACK"), Point::reply_to("ROLLBACK")];
        for (number, point) in (1..).zip(points) {
            let run = Run::new(number);
            db.wire().arm(point, Action::BlackHole);
            let error = refuses(&db.pool, &run).await.unwrap_err();
            assert!(matches!(error, Error::RowNotFound), "{error:?}");
            db.assert_whole().await;
            assert!(run.stored(db).await.is_empty());
            assert_eq!(run.wait_for_hooks(1).await, (0, 1));
        }
    }

    /// On a connection of the caller's too, where nothing goes on without it.
    #[test(setup())]
    async fn an_err_on_a_connection_runs_its_hooks(db: &TestDb<DB>) {
        let mut connection = db.pool.acquire().await.unwrap();
        let run = Run::new(1);
        db.wire().arm(Point::command("ROLLBACK"), Action::BlackHole);
        let error = refuses(&mut *connection, &run).await.unwrap_err();
        assert!(matches!(error, Error::RowNotFound), "{error:?}");
        assert_eq!(run.wait_for_hooks(1).await, (0, 1));
        drop(connection.detach());
        db.wire().cut_all().await;
        db.assert_whole().await;
    }

    /// A caller that goes away there leaves them to the background.
    #[test(setup())]
    async fn a_caller_that_goes_away_from_a_connection_leaves_its_hooks(db: &TestDb<DB>) {
        let mut connection = db.pool.acquire().await.unwrap();
        let run = Run::new(1);
        let wire = db.wire();
        wire.arm(Point::command("ROLLBACK"), Action::Hold);
        let mut call = Box::pin(refuses(&mut *connection, &run));
        tokio::select! {
            _ = &mut call => panic!("its ROLLBACK is held"),
            () = wire.wait_until_held() => drop(call),
        }
        wire.release();
        assert_eq!(run.wait_for_hooks(1).await, (0, 1));
        drop(connection);
        db.assert_whole().await;
        assert!(run.stored(db).await.is_empty());
    }
}
