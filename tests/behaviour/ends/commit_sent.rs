//! What the wire does to an end, once it was sent.

use sqlx_transactional::transaction;
use sqlx_transactional_tests::{Action, Point, Setup, TestDb, for_engines};

use crate::{app::AppError, sql::insert};

for_engines! {
    [postgres, mysql]

    #[test(Setup::wired())]
    async fn out_06_err_is_untouched_when_the_rollback_fails(db: &TestDb<DB>) {
        db.wire().arm(Point::command("ROLLBACK"), Action::Cut);
        let refused = transaction(&db.pool, async |tx| {
            insert(&mut *tx, 1).await?;
            Err::<(), _>(AppError::Refused(6))
        });
        assert!(refused.await.unwrap_err().is_refused(6));
        assert_eq!(db.wire().fired(), 1);
        db.assert_whole().await;
        assert_eq!(db.rows().await, [0; 0]);
    }

    #[test(Setup::wired())]
    async fn can_03_a_commit_that_was_sent_runs_to_its_end(db: &TestDb<DB>) {
        let wire = db.wire();
        wire.arm(Point::command("COMMIT"), Action::Hold);
        let mut commit = Box::pin(transaction(&db.pool, async |tx| {
            insert(&mut *tx, 1).await.map_err(AppError::from)
        }));
        tokio::select! {
            _ = &mut commit => panic!("its COMMIT is held"),
            () = wire.wait_until_held() => drop(commit),
        }
        assert_eq!(db.rows().await, [0; 0]);
        wire.release();
        db.assert_whole().await;
        assert_eq!(db.rows().await, [1]);
        assert_eq!(wire.counts().connections, 0, "no connection was opened anew");
    }
}
