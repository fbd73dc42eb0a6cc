//! Hooks of a COMMIT on the caller's own connection, which nobody else can wait
//! for.

use sqlx_transactional::transaction;
use sqlx_transactional_tests::{Action, Point, Setup, TestDb, for_engines};

use crate::{app::AppError, diary::Diary, sql::insert, traces::Traces};

for_engines! {
    [postgres, mysql]

    #[test(Setup::wired())]
    async fn a_commit_without_its_caller_runs_none_and_says_so(db: &TestDb<DB>) {
        let (wire, diary) = (db.wire(), Diary::default());
        let mut connection = db.pool.acquire().await.unwrap();
        let call = async {
            wire.arm(Point::reply_to("COMMIT"), Action::Hold);
            let ended = transaction(&mut connection, async |tx| {
                tx.after_commit(diary.hook("committed"));
                tx.after_rollback(diary.hook("rolled back"));
                insert(tx, 1).await.map_err(AppError::from)
            });
            tokio::select! {
                _ = ended => panic!("its COMMIT is held"),
                () = wire.wait_until_held() => {}
            }
            wire.release();
        };
        let (traces, ()) = Traces::of(call).await;
        assert!(traces.messages().contains("hooks dropped"), "{}", traces.messages());
        connection.close().await.unwrap();
        db.settle().await;
        assert_eq!(db.rows().await, [1]);
        assert_eq!(diary.read(), "");
    }
}
