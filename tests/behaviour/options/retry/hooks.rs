//! Hooks, and watches, of a transaction that is run again.

use std::sync::atomic::{AtomicU32, Ordering};

use sqlx_transactional::{
    on,
    testing::{End, run_twice, watch},
    transaction,
};
use sqlx_transactional_tests::{TestDb, for_each_engine};

use super::{
    conflict::{Conflict, block, rows},
    quick,
};
use crate::{app::AppError, diary::Diary, sql::insert};

for_each_engine! {
    #[test]
    async fn hook_26_those_of_an_attempt_that_is_repeated_are_dropped(db: &TestDb<DB>) {
        let diary = Diary::default();
        let ended = block(&db.pool, quick(3)).run(async |tx| {
            let attempt = tx.attempt();
            tx.after_commit(diary.hook(format!("committed {attempt}")));
            tx.after_rollback(diary.hook(format!("rolled back {attempt}")));
            if attempt < 3 {
                DB::conflict(tx, &db.observer).await?;
            }
            insert(tx, 1).await
        });
        ended.await.unwrap();
        db.assert_whole().await;
        assert_eq!(diary.read(), "committed 3");
        assert_eq!(rows(db).await, [1]);
    }

    #[test]
    async fn those_of_the_last_attempt_run(db: &TestDb<DB>) {
        let diary = Diary::default();
        let ended = block(&db.pool, quick(2)).run(async |tx| {
            let attempt = tx.attempt();
            tx.after_rollback(diary.hook(format!("rolled back {attempt}")));
            DB::conflict(tx, &db.observer).await
        });
        let error: sqlx::Error = ended.await.unwrap_err();
        assert_eq!(diary.read(), "rolled back 2", "{error}");
    }

    #[test]
    async fn a_watch_sees_each_attempt(db: &TestDb<DB>) {
        let ended = block(&db.pool, quick(2)).name("twice").run(async |tx| {
            if tx.attempt() < 2 {
                DB::conflict(tx, &db.observer).await?;
            }
            insert(tx, 1).await
        });
        let (ended, seen) = watch(ended).await;
        ended.unwrap();
        let seen: Vec<_> = seen.iter().map(|seen| (seen.name, seen.attempt, seen.end)).collect();
        assert_eq!(seen, [("twice", 1, End::RolledBack), ("twice", 2, End::Committed)]);
    }

    #[test]
    async fn run_twice_repeats_what_would_have_committed(db: &TestDb<DB>) {
        let diary = Diary::default();
        let (bodies, counted) = (AtomicU32::new(0), |tx: u32| diary.hook(tx.to_string()));
        run_twice(&db.pool);
        let ended = block(&db.pool, quick(1)).run(async |tx| {
            bodies.fetch_add(1, Ordering::Relaxed);
            let attempt = tx.attempt();
            tx.after_commit(counted(attempt));
            insert(&mut *tx, i64::from(attempt)).await?;
            Ok::<_, AppError>(attempt)
        });
        assert_eq!(ended.await.unwrap(), 2);
        assert_eq!((rows(db).await, diary.read()), (vec![2], "2".to_owned()));
        // Only what can be repeated is, and only what would commit.
        transaction(&db.pool, async |tx| {
            bodies.fetch_add(1, Ordering::Relaxed);
            insert(tx, 3).await
        })
        .await
        .unwrap();
        let refused = on(&db.pool).retry(quick(5)).run(async |tx| {
            bodies.fetch_add(1, Ordering::Relaxed);
            insert(tx, 4).await?;
            Err::<(), _>(AppError::Refused(1))
        });
        assert!(refused.await.unwrap_err().is_refused(1));
        assert_eq!((rows(db).await, bodies.into_inner()), (vec![2, 3], 4));
        db.assert_whole().await;
    }

    #[test]
    async fn retry_20_what_is_rolled_back_by_wish_is_not_repeated(db: &TestDb<DB>) {
        let ended = block(&db.pool, quick(5)).run(async |tx| {
            assert_eq!(tx.attempt(), 1);
            insert(&mut *tx, 1).await?;
            tx.roll_back();
            Ok::<_, sqlx::Error>("as asked")
        });
        assert_eq!(ended.await.unwrap(), "as asked");
        assert_eq!(rows(db).await, [0; 0]);
    }

    #[test]
    async fn retry_21_a_swallowed_conflict_is_repeated_and_then_told(db: &TestDb<DB>) {
        let ended = block(&db.pool, quick(3)).run(async |tx| {
            let _ = DB::conflict(tx, &db.observer).await;
            Ok::<_, sqlx::Error>(())
        });
        let error = ended.await.unwrap_err();
        let own = crate::expect::own(&error);
        assert!(own.is_doomed(), "{own:?}");
        assert_eq!(own.attempts(), Some(3));
        db.assert_whole().await;
    }
}
