//! Operations on a connection, and in a transaction, that are the caller's own.

use sqlx::Connection;
use sqlx_transactional::Error as TxError;
use sqlx_transactional_tests::{Setup, TestDb};

use crate::engine::Threads;
use crate::operation::Operation;
use crate::place::Place;

cases! {
    Setup::wired() =>
    a_connection_of_the_callers_is_a_place_to_begin,
    inside_a_transaction_of_sqlx_no_event_is_lost_in_silence,
}

async fn a_connection_of_the_callers_is_a_place_to_begin<DB: Threads>(db: &TestDb<DB>) {
    let place = Place::new(db).await;
    for operation in Operation::ALL {
        let target = place.target(operation).await;
        let before = place.dump().await;
        let mut connection = db.pool.acquire().await.expect("the connection");
        let answer = operation
            .run::<DB, _>(&mut connection, &place.user, &target)
            .await;
        answer.unwrap_or_else(|error| panic!("{operation:?}: {error:?}"));
        let done = operation.was_done(&target, &before, &place.dump().await);
        assert_eq!(done, operation.writes(), "{operation:?}");
        assert_eq!(place.heard(), operation.events(), "{operation:?}");
        drop(connection);
        place.assert_ended(&format!("{operation:?}")).await;
    }
}

/// Nobody here sees how a transaction of sqlx's own ends, so nobody could keep
/// the promise that an event leaves after COMMIT. What would emit one fails.
async fn inside_a_transaction_of_sqlx_no_event_is_lost_in_silence<DB: Threads>(db: &TestDb<DB>) {
    let place = Place::new(db).await;
    for operation in Operation::ALL {
        let context = format!("{operation:?}");
        let target = place.target(operation).await;
        let before = place.dump().await;
        let mut connection = db.pool.acquire().await.expect("the connection");
        let mut theirs = connection.begin().await.expect("a transaction of sqlx's");
        let answer = operation
            .run::<DB, _>(&mut theirs, &place.user, &target)
            .await;
        theirs.commit().await.expect("their COMMIT");
        drop(connection);
        if operation.writes() {
            let error = answer.expect_err(&context);
            let own = TxError::find(&error).map(TxError::is_unsupported);
            assert_eq!(own, Some(true), "{context}: {error:?}");
        } else {
            answer.unwrap_or_else(|error| panic!("{context}: {error:?}"));
        }
        place.assert_untouched(&before, &context).await;
    }
}
