//! Transactions that nobody ended.

use sqlx_transactional::{Tx, transaction};
use sqlx_transactional_tests::{Engine, Setup, TestDb, inspect};
use thread_handlers::AppError;

use super::run;
use crate::engine::Threads;
use crate::operation::Operation;
use crate::place::Place;

cases! {
    Setup::wired() =>
    fault_14_cancellation_that_skipped_the_rollback,
    fault_15_readers_that_never_ended,
    fault_23_a_pool_whose_reset_was_commit,
}

/// The caller goes away when everything has been written and nothing committed.
async fn fault_14_cancellation_that_skipped_the_rollback<DB: Threads>(db: &TestDb<DB>) {
    let place = Place::new(db).await;
    for operation in Operation::ALL {
        let target = place.target(operation).await;
        let before = place.dump().await;
        let written = tokio::sync::Notify::new();
        let call = transaction(place.pool(), async |tx: &mut Tx<'_, DB>| {
            operation.run(&mut *tx, &place.user, &target).await?;
            written.notify_one();
            std::future::pending::<Result<(), AppError>>().await
        });
        tokio::select! {
            _ = call => panic!("it never ends by itself"),
            () = written.notified() => {}
        }
        let context = format!("{operation:?}, dropped");
        place.assert_whole(place.pool(), &context).await;
        place.assert_untouched(&before, &context).await;
    }
}

/// A reader that has answered holds no transaction and no lock, whether it has
/// found what it was asked for or not, and the connection can write again.
async fn fault_15_readers_that_never_ended<DB: Threads>(db: &TestDb<DB>) {
    let place = Place::new(db).await;
    let stranger = place.other("boris");
    for operation in Operation::READING {
        let target = place.target(operation).await;
        for user in [&place.user, &stranger] {
            place.forget_sent().await;
            let answer = operation.run::<DB, _>(place.pool(), user, &target).await;
            let left = inspect::left_behind(db).await;
            assert!(left.is_empty(), "{operation:?}: {left:#?}");
            let end = if answer.is_ok() { "COMMIT" } else { "ROLLBACK" };
            if db.engine() == Engine::Postgres {
                assert_eq!(place.sent().last().expect("an end"), end);
            } else {
                // An open reader would keep the log from being written back.
                let pages = "pragma wal_checkpoint(truncate)";
                assert_eq!(db.numbers(pages).await, [0], "{operation:?}");
            }
            place.assert_ended(&format!("{operation:?}")).await;
        }
    }
}

/// What a caller left undone when it went away is undone when the next one gets
/// the connection, not done.
async fn fault_23_a_pool_whose_reset_was_commit<DB: Threads>(db: &TestDb<DB>) {
    let place = Place::new(db).await;
    for operation in Operation::WRITING {
        let target = place.target(operation).await;
        let before = place.dump().await;
        let heard = place.hear().await;
        let written = tokio::sync::Notify::new();
        let call = transaction(place.pool(), async |tx: &mut Tx<'_, DB>| {
            operation.run(&mut *tx, &place.user, &target).await?;
            written.notify_one();
            std::future::pending::<Result<(), AppError>>().await
        });
        tokio::select! {
            _ = call => panic!("it never ends by itself"),
            () = written.notified() => {}
        }
        let next = place.target(Operation::GetThread).await;
        let read = run(&place, Operation::GetThread, &next).await;
        read.expect("the next one's answer");
        let ended = heard.take();
        let committed = ended.iter().position(|end| end == "COMMIT");
        let rolled_back = ended.iter().position(|end| end == "ROLLBACK");
        assert!(rolled_back.is_some(), "{operation:?}: {ended:?}");
        if db.engine() == Engine::Postgres {
            assert!(rolled_back < committed, "{operation:?}: {ended:?}");
        } else {
            assert_eq!(committed, None, "{operation:?}: {ended:?}");
        }
        let rows = place.dump().await.rows();
        for (key, row) in before.rows() {
            assert_eq!(rows.get(&key), Some(&row), "{operation:?}");
        }
        assert_eq!(place.heard(), [""; 0], "{operation:?}");
        place.assert_ended(&format!("{operation:?}")).await;
    }
}
