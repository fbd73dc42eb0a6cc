//! What the last attempt, and whoever watches, is told.

use std::{future::pending, time::Duration};

use sqlx_transactional::{Limits, on};
use sqlx_transactional_tests::{TestDb, for_each_engine};
use tracing::Level;

use super::{
    conflict::{Conflict, block, rows},
    quick,
};
use crate::{expect::own, sql::insert, traces::Traces};

for_each_engine! {
    #[test]
    async fn each_repetition_is_one_event(db: &TestDb<DB>) {
        let ended = block(&db.pool, quick(3)).run(async |tx| {
            if tx.attempt() < 3 {
                DB::conflict(tx, &db.observer).await?;
            }
            insert(tx, 1).await
        });
        let (traces, ended) = Traces::of(ended).await;
        ended.unwrap();
        let mut events = traces.events();
        events.retain(|event| event.field("message") == "retrying");
        let attempts: Vec<_> = events.iter().map(|event| event.field("attempt")).collect();
        assert_eq!(attempts, ["1", "2"]);
        for event in events {
            assert_eq!(event.level, Level::INFO);
            assert!(event.field("cause").contains(DB::CODE), "{event:?}");
            assert!(!event.field("pause_us").is_empty());
        }
    }

    /// More time is not what a repetition gives.
    #[test]
    async fn a_time_that_is_over_is_not_repeated(db: &TestDb<DB>) {
        let limits = Limits::new().timeout(Duration::from_millis(200));
        let ended = on(&db.pool).limits(limits).retry(quick(5)).run(async |tx| {
            assert_eq!(tx.attempt(), 1);
            insert(tx, 1).await?;
            pending::<Result<(), sqlx::Error>>().await
        });
        let error: sqlx::Error = ended.await.unwrap_err();
        assert!(own(&error).is_timed_out());
        assert_eq!(rows(db).await, [0; 0]);
    }
}
