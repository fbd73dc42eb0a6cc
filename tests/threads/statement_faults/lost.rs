//! The connection is lost at each message of each operation.

use std::time::Duration;

use sqlx_transactional::{Error as TxError, pool};
use sqlx_transactional_tests::{Action, Direction, Point, Setup, TestDb, inspect};
use thread_handlers::AppError;

use super::tried;
use crate::engine::Threads;
use crate::expect::assert_discreet;
use crate::operation::Operation;
use crate::place::{PATIENCE, Place};

cases! {
    [postgres] Setup::wired().limit(Duration::from_mins(2)) =>
    the_connection_is_lost_at_a_message_of_the_client,
    the_connection_is_lost_at_a_message_of_the_server,
}

async fn the_connection_is_lost_at_a_message_of_the_client<DB: Threads>(db: &TestDb<DB>) {
    the_connection_is_lost(db, Direction::FromClient).await;
}

async fn the_connection_is_lost_at_a_message_of_the_server<DB: Threads>(db: &TestDb<DB>) {
    the_connection_is_lost(db, Direction::FromServer).await;
}

/// The connection is cut instead of a message: BEGIN, each step of each
/// statement, COMMIT, and the answers to them.
async fn the_connection_is_lost<DB: Threads>(db: &TestDb<DB>, from: Direction) {
    let place = Place::new(db).await;
    let options = pool::options::<DB>(db.url()).max_connections(1);
    let pool = db.pool_with(options.acquire_timeout(PATIENCE)).await;
    let mut places = 0;
    for operation in Operation::ALL {
        let mut unknown = 0;
        for at in 1_usize.. {
            inspect::settle(&pool).await;
            let target = place.target(operation).await;
            let before = place.dump().await;
            let context = format!("{operation:?}: message {at}, {from:?}");
            let fired = db.wire().fired();
            db.wire().arm(Point::nth(from, at), Action::Cut);
            let answer = operation.run::<DB, _>(&pool, &place.user, &target).await;
            db.wire().disarm();
            place.assert_whole(&pool, &context).await;
            let done = operation.was_done(&target, &before, &place.dump().await);
            let heard = place.heard();
            let met = db.wire().fired() > fired;
            match answer {
                Ok(_) => {
                    // At BEGIN nothing is lost yet, and it is sent once more.
                    assert_eq!(done, operation.writes(), "{context}");
                    assert_eq!(heard, operation.events(), "{context}");
                }
                Err(error) => {
                    assert_discreet(&error);
                    assert_eq!(heard, [""; 0], "{context}: {error:?}");
                    match &error {
                        AppError::Unavailable(_) => assert!(!done, "{context}: {error:?}"),
                        AppError::OutcomeUnknown(_) => {
                            let own = TxError::find(&error).map(TxError::is_outcome_unknown);
                            assert_eq!(own, Some(true), "{context}: {error:?}");
                            unknown += 1;
                        }
                        other => panic!("{context}: {other:?}"),
                    }
                }
            }
            if !met {
                break;
            }
            places += 1;
        }
        assert!(unknown > 0, "{operation:?}: COMMIT was never cut");
    }
    tried(db, &format!("connection lost, {from:?}"), places);
    pool.close().await;
}
