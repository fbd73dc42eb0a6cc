//! What a place does after each of its transactions.

use std::{future::pending, time::Duration};

use sqlx_transactional::{Db, Retry, Source, Tx, on, read, transaction};
use sqlx_transactional_tests::{
    Action, Engine, Point, Setup, TestDb, for_each_engine, for_engines,
};
use tokio::time::timeout;

use super::{Conflict, Own, Says};
use crate::{
    app::AppError,
    diary::Diary,
    expect::own,
    sql::{ids, insert},
};

for_each_engine! {
    fn with_hooks(db: &TestDb<DB>) -> (Db<DB>, Diary) {
        let diary = Diary::default();
        let (committed, rolled_back) = (diary.clone(), diary.clone());
        let place = Db::new(db.pool.clone())
            .after_commit(move || committed.hook("place committed"))
            .after_rollback(move || rolled_back.hook("place rolled back"));
        (place, diary)
    }

    /// What was written since the last call.
    fn take(diary: &Diary, read: &mut usize) -> String {
        let all = diary.read();
        let new = all[*read..].trim_start_matches(", ").to_owned();
        *read = all.len();
        new
    }

    /// Not for each transaction that begins, nor for the other end.
    #[test]
    async fn a_hook_is_made_when_it_is_to_run(db: &TestDb<DB>) {
        let diary = Diary::default();
        let (committed, rolled_back) = (diary.clone(), diary.clone());
        let place = Db::new(db.pool.clone())
            .after_commit(move || {
                committed.write("made");
                committed.hook("committed")
            })
            .after_rollback(move || {
                rolled_back.write("made");
                rolled_back.hook("rolled back")
            });
        let call = async |end: Result<(), u32>| {
            let ended = transaction(&place, async |tx| {
                ids(tx).await?;
                diary.write("body");
                end.map_err(AppError::Refused)
            });
            ended.await.is_ok()
        };
        assert!(call(Ok(())).await);
        assert_eq!(diary.read(), "body, made, committed");
        assert!(!call(Err(1)).await);
        assert_eq!(diary.read(), "body, made, committed, body, made, rolled back");
    }

    async fn after_each_end<S: Source<DB>>(place: &S, diary: &Diary) {
        let mut read_up_to = 0;
        let call = async |end: Result<(), u32>| {
            let ended = transaction(place, async |tx| {
                tx.after_commit(diary.hook("own committed"));
                tx.after_rollback(diary.hook("own rolled back"));
                // What joins, or fails in a savepoint, has no end of its own.
                transaction(&mut *tx, async |tx| ids(tx).await).await?;
                let part = tx.savepoint(async |tx| {
                    ids(tx).await?;
                    Err::<(), _>(AppError::Refused(9))
                });
                part.await.unwrap_err();
                end.map_err(AppError::Refused)
            });
            ended.await.is_ok()
        };
        assert!(call(Ok(())).await);
        assert_eq!(take(diary, &mut read_up_to), "place committed, own committed");
        assert!(!call(Err(1)).await);
        assert_eq!(take(diary, &mut read_up_to), "place rolled back, own rolled back");
        // One that only reads commits as well.
        read(place, async |tx| ids(tx).await).await.unwrap();
        assert_eq!(take(diary, &mut read_up_to), "place committed");
        let asked = transaction(place, async |tx| {
            tx.roll_back();
            ids(tx).await
        });
        asked.await.unwrap();
        assert_eq!(take(diary, &mut read_up_to), "place rolled back");
        let swallowed = transaction(place, async |tx| {
            insert(&mut *tx, 1).await?;
            let joined = transaction(tx, async |tx| {
                insert(tx, 2).await?;
                Err::<(), _>(AppError::Refused(1))
            });
            let _ = joined.await;
            Ok::<_, AppError>(())
        });
        swallowed.await.unwrap_err();
        assert_eq!(take(diary, &mut read_up_to), "place rolled back");
        let endless = transaction(place, async |tx| {
            insert(tx, 1).await?;
            pending::<Result<(), AppError>>().await
        });
        assert!(timeout(Duration::from_millis(200), endless).await.is_err());
        diary.assert_becomes(
            "place committed, own committed, place rolled back, own rolled back, \
             place committed, place rolled back, place rolled back, place rolled back",
        )
        .await;
    }

    #[test]
    async fn its_hooks_run_before_the_bodys_own(db: &TestDb<DB>) {
        let (place, diary) = with_hooks(db);
        after_each_end(&place, &diary).await;
        db.assert_whole().await;
        let place = Own { pool: db.pool.clone(), says: Says::default(), diary: Diary::default() };
        after_each_end(&place, &place.diary).await;
        db.assert_whole().await;
        assert_eq!(db.rows().await, [0; 0]);
    }

    /// The work that a hook speaks of is there for everybody.
    #[test]
    async fn they_run_when_it_is_durable(db: &TestDb<DB>) {
        let (observer, diary) = (db.observer.clone(), Diary::default());
        let writes = diary.clone();
        let place = Db::new(db.pool.clone()).after_commit(move || {
            let (observer, diary) = (observer.clone(), writes.clone());
            async move { diary.write(format!("{:?}", ids(&observer).await.unwrap())) }
        });
        transaction(&place, async |tx| insert(tx, 1).await).await.unwrap();
        transaction(&place, async |tx| insert(tx, 2).await).await.unwrap();
        assert_eq!(diary.read(), "[1], [1, 2]");
        db.assert_whole().await;
    }

    /// A second one takes the place of the first.
    #[test]
    async fn there_is_one_of_each(db: &TestDb<DB>) {
        let (place, diary) = with_hooks(db);
        let (committed, rolled_back) = (diary.clone(), diary.clone());
        let place = place
            .after_commit(move || committed.hook("second committed"))
            .after_rollback(move || rolled_back.hook("second rolled back"));
        transaction(&place, async |tx| ids(tx).await).await.unwrap();
        let failed = transaction(&place, async |tx: &mut Tx<'_, DB>| {
            ids(tx).await?;
            Err::<(), _>(AppError::Refused(1))
        });
        failed.await.unwrap_err();
        assert_eq!(diary.read(), "second committed, second rolled back");
    }

    #[test]
    async fn they_run_once_for_all_attempts(db: &TestDb<DB>) {
        let (place, diary) = with_hooks(db);
        let quick = Retry::new().attempts(3).base(Duration::from_millis(1));
        let block = || {
            let block = on(&place);
            if db.engine() == Engine::Sqlite { block.deferred() } else { block }
        };
        let ended = block().retry(quick).run(async |tx| {
            let attempt = tx.attempt();
            tx.after_commit(diary.hook(format!("own committed {attempt}")));
            if attempt < 3 {
                DB::conflict(tx, &db.observer).await?;
            }
            Ok::<_, AppError>(())
        });
        ended.await.unwrap();
        assert_eq!(diary.read(), "place committed, own committed 3");
        let in_vain = block().retry(quick).run(async |tx| {
            let attempt = tx.attempt();
            tx.after_rollback(diary.hook(format!("own rolled back {attempt}")));
            // A number that no other attempt has stored.
            insert(&db.observer, 50 + i64::from(attempt)).await?;
            Err::<(), _>(AppError::Refused(1))
        });
        in_vain.await.unwrap_err();
        assert_eq!(
            diary.read(),
            "place committed, own committed 3, place rolled back, own rolled back 1"
        );
        db.assert_whole().await;
    }
}

mod behind_a_wire {
    use super::*;

    for_engines! {
        [postgres, mysql]

        /// Nobody can say which of the two it should be.
        #[test(Setup::wired())]
        async fn neither_runs_where_the_outcome_is_unknown(db: &TestDb<DB>) {
            let place =
                Own { pool: db.pool.clone(), says: Says::default(), diary: Diary::default() };
            db.wire().arm(Point::reply_to("COMMIT"), Action::Cut);
            let ended = transaction(&place, async |tx| insert(tx, 1).await);
            assert!(own(&ended.await.unwrap_err()).is_outcome_unknown());
            db.settle().await;
            assert_eq!(place.diary.read(), "");
            db.assert_whole().await;
        }
    }
}
