//! Dropped in the pause between two attempts: the last one was rolled back, and no
//! other follows it.

use std::time::Duration;

use sqlx_transactional::{Db, Retry};
use sqlx_transactional_tests::{TestDb, for_each_engine};
use tokio::time::sleep;

use super::conflict::{Conflict, block};
use crate::diary::Diary;

for_each_engine! {
    #[test]
    async fn dropped_in_the_pause_the_hooks_of_a_rollback_run(db: &TestDb<DB>) {
        let diary = Diary::default();
        let (committed, rolled_back) = (diary.clone(), diary.clone());
        let place = Db::new(db.pool.clone())
            .after_commit(move || committed.hook("place committed"))
            .after_rollback(move || rolled_back.hook("place rolled back"));
        // Random between nothing and this: nearly always longer than is waited for.
        let endless = Retry::new().base(Duration::from_hours(8)).cap(Duration::from_hours(8));
        let endless = endless.deadline(Duration::from_hours(24));
        let failed = tokio::sync::Notify::new();
        let call = block(&place, endless).run(async |tx| {
            tx.after_commit(diary.hook("committed"));
            tx.after_rollback(diary.hook("rolled back"));
            let ended = DB::conflict(tx, &db.observer).await;
            failed.notify_one();
            ended
        });
        let in_pause = async {
            failed.notified().await;
            // The attempt comes to its end, and the pause begins.
            sleep(Duration::from_millis(300)).await;
        };
        tokio::select! {
            _ = call => panic!("it waits for the next attempt"),
            () = in_pause => {}
        }
        diary.assert_becomes("place rolled back, rolled back").await;
        let left = sqlx_transactional::drained(Duration::from_secs(5)).await;
        assert!(left.is_empty(), "{left}");
        assert_eq!(diary.read(), "place rolled back, rolled back");
        db.assert_whole().await;
    }
}
