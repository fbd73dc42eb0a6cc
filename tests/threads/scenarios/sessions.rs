//! What is left of a session when an operation has failed on it.

use futures_util::future::join;
use sqlx_transactional_tests::{Engine, Setup, TestDb, inspect};
use thread_handlers::faults::{Fault, Faults};

use super::{fails, run, statements, succeeds};
use crate::engine::Threads;
use crate::expect::database_code;
use crate::operation::Operation;
use crate::place::Place;

cases! {
    Setup::wired() =>
    scenario_08_session_state_after_a_failed_commit,
    scenario_10_connection_given_back_after_a_failure,
    scenario_11_nothing_left_in_transaction_after_a_failure,
}

mod two_connections {
    use super::{Setup, scenario_09_two_operations_at_once_one_failing_one_fine};

    cases! {
        Setup::wired().connections(2) =>
        scenario_09_two_operations_at_once_one_failing_one_fine,
    }
}

/// The one connection is the same one as before, and knows of no transaction
/// and of no setting of one.
async fn scenario_08_session_state_after_a_failed_commit<DB: Threads>(db: &TestDb<DB>) {
    let place = Place::new(db).await;
    let setting = match db.engine() {
        Engine::Sqlite => "pragma query_only",
        _ => "select (current_setting('transaction_read_only') = 'on')::int::bigint",
    };
    for operation in Operation::WRITING {
        let target = place.target(operation).await;
        place.sql(DB::REFUSE_COMMITS).await;
        place.forget_sent().await;
        let error = fails(&place, operation, &target).await;
        assert_eq!(database_code(&error), DB::FOREIGN_KEY, "{operation:?}");
        place.sql(DB::ALLOW_COMMITS).await;
        for reading in Operation::READING {
            let target = place.target(reading).await;
            succeeds(&place, reading, &target).await;
        }
        let mut connection = db.pool.acquire().await.expect("the connection");
        let settings = DB::numbers(&mut connection, setting).await;
        drop(connection);
        assert_eq!(settings.expect("a setting"), [0], "{operation:?}");
        succeeds(&place, operation, &target).await;
        if let Some(wire) = &db.wire {
            assert_eq!(wire.take_counts().connections, 0, "{operation:?}");
        }
        assert_eq!(db.pool.size(), 1);
    }
}

/// Whatever the one does, the other neither hears nor feels it.
async fn scenario_09_two_operations_at_once_one_failing_one_fine<DB: Threads>(db: &TestDb<DB>) {
    let place = Place::new(db).await;
    for failing in Operation::ALL {
        let last = statements(&place, failing).await;
        for fine in Operation::ALL {
            let context = format!("{failing:?} fails, {fine:?} is fine");
            let (one, other) = (place.target(failing).await, place.target(fine).await);
            let before = place.dump().await;
            let refused = Faults::at(last, Fault::Refused);
            let (error, answer) = join(
                refused.run(run(&place, failing, &one)),
                run(&place, fine, &other),
            )
            .await;
            let error = error.expect_err(&context);
            assert_eq!(database_code(&error), DB::NO_SUCH_TABLE, "{context}");
            answer.unwrap_or_else(|error| panic!("{context}: {error:?}"));
            let done = fine.was_done(&other, &before, &place.dump().await);
            assert_eq!(done, fine.writes(), "{context}");
            assert_eq!(place.heard(), fine.events(), "{context}");
            place.assert_ended(&context).await;
        }
    }
}

/// With a pool of one, each next operation needs what the failed one had. It is
/// the same connection: nothing had to be opened anew.
async fn scenario_10_connection_given_back_after_a_failure<DB: Threads>(db: &TestDb<DB>) {
    let place = Place::new(db).await;
    let pid = match db.engine() {
        Engine::Sqlite => "select 1",
        _ => "select pg_backend_pid()::bigint",
    };
    let connection = async || {
        let mut connection = db.pool.acquire().await.expect("the connection");
        DB::numbers(&mut connection, pid).await.expect("a number")
    };
    let first = connection().await;
    for operation in Operation::ALL {
        for statement in 1..=statements(&place, operation).await {
            let target = place.target(operation).await;
            let refused = Faults::at(statement, Fault::Refused);
            let answer = refused.run(run(&place, operation, &target)).await;
            answer.expect_err("a refusal");
            // Without a wait: it is there, or on its way.
            assert_eq!(connection().await, first, "{operation:?} at {statement}");
            assert_eq!((db.pool.size(), place.heard().len()), (1, 0));
        }
        let target = place.target(operation).await;
        succeeds(&place, operation, &target).await;
    }
    place.assert_ended("after all").await;
}

/// When the error is there, the transaction is gone: nothing is waited for.
async fn scenario_11_nothing_left_in_transaction_after_a_failure<DB: Threads>(db: &TestDb<DB>) {
    let place = Place::new(db).await;
    for operation in Operation::ALL {
        for statement in 1..=statements(&place, operation).await {
            let target = place.target(operation).await;
            let refused = Faults::at(statement, Fault::Refused);
            let answer = refused.run(run(&place, operation, &target)).await;
            let left = inspect::left_behind(db).await;
            assert!(left.is_empty(), "{operation:?} at {statement}: {left:#?}");
            answer.expect_err("a refusal");
        }
        if operation.writes() {
            let target = place.target(operation).await;
            place.sql(DB::REFUSE_COMMITS).await;
            let answer = run(&place, operation, &target).await;
            let left = inspect::left_behind(db).await;
            assert!(left.is_empty(), "{operation:?} at COMMIT: {left:#?}");
            answer.expect_err("a refusal");
            place.sql(DB::ALLOW_COMMITS).await;
        }
    }
}
