//! What the caller was told.

use std::error::Error as _;

use sqlx_transactional_tests::{Setup, TestDb};
use thread_handlers::AppError;
use thread_handlers::faults::{Fault, Faults};
use thread_handlers::handlers::{auto_rename, create_thread, delete_thread};
use thread_handlers::model::NewThread;
use thread_handlers::titles::FirstWords;

use super::run;
use crate::engine::{Refusal, Threads};
use crate::expect::assert_discreet;
use crate::operation::{Operation, Target};
use crate::place::Place;

cases! {
    Setup::wired() =>
    fault_04_error_mapping_broken_by_the_fix,
    fault_05_sql_and_parameters_in_the_error_text,
    fault_22_a_unique_violation_that_was_internal,
}

/// Every error of the application's own comes out of the transaction as it went
/// in: with its variant, its code and its words.
async fn fault_04_error_mapping_broken_by_the_fix<DB: Threads>(db: &TestDb<DB>) {
    let place = Place::new(db).await;
    let (pool, user) = (place.pool(), &place.user);
    let stranger = place.other("boris");
    for operation in Operation::ALL {
        let expected: &[(&str, &str)] = match operation {
            Operation::ListThreads => &[],
            Operation::CreateThread => &[("conflict", "this exists already")],
            Operation::GetThread | Operation::GetMessages => {
                &[("not_found", "there is no such thread")]
            }
            Operation::DeleteThread => &[("not_found", "there is no such thread")],
            Operation::UpdateThread | Operation::AutoRenameThread => &[
                ("not_found", "there is no such thread"),
                (
                    "version_conflict",
                    "the thread has changed: it is at version 1, not 7",
                ),
                ("archived", "the thread is archived"),
            ],
            Operation::SendMessage => &[
                ("not_found", "there is no such thread"),
                ("archived", "the thread is archived"),
            ],
        };
        for (code, text) in expected {
            let mut target = place.target(operation).await;
            let user = match *code {
                "not_found" => &stranger,
                "conflict" => {
                    let there = place.any_thread().await;
                    target.id = there.id;
                    user
                }
                "version_conflict" => {
                    target.version = 7;
                    user
                }
                _ => {
                    let archived = delete_thread(pool, user, &target.id).await;
                    archived.expect("the archived thread");
                    let _ = place.events();
                    user
                }
            };
            let before = place.dump().await;
            let answer = operation.run::<DB, _>(pool, user, &target).await;
            let error = answer.expect_err(code);
            assert_eq!(error.code(), *code, "{operation:?}: {error:?}");
            assert_eq!(error.to_string(), *text, "{operation:?}");
            place.assert_untouched(&before, code).await;
        }
    }
    let empty = place.any_thread().await;
    let error = auto_rename::<DB, _>(pool, &FirstWords, user, &empty.id).await;
    assert_eq!(error.expect_err("nothing").code(), "nothing_to_name");
    let new = NewThread {
        title: Some(String::new()),
        ..NewThread::default()
    };
    let error = create_thread(pool, user, new).await;
    assert_eq!(error.expect_err("no title").code(), "invalid");
}

/// The client's text is one of ours; the database's words are behind it, for
/// the log.
async fn fault_05_sql_and_parameters_in_the_error_text<DB: Threads>(db: &TestDb<DB>) {
    let place = Place::new(db).await;
    let discreet = |error: &AppError, behind: &str| {
        assert_eq!(error.to_string(), "the database could not do this");
        assert_eq!(error.code(), "internal");
        assert_discreet(error);
        let source = error.source().expect("the database's own").to_string();
        assert!(source.contains(behind), "{behind:?} is not in {source:?}");
    };
    for operation in Operation::ALL {
        let target = place.target(operation).await;
        let refused = Faults::at(1, Fault::Refused);
        let error = refused.run(run(&place, operation, &target)).await;
        discreet(&error.expect_err("refused"), "injected_failure");
    }
    for operation in Operation::WRITING {
        for (verb, table) in operation.writes_to() {
            let target = place.target(operation).await;
            place.sql(&DB::refuse(verb, table, Refusal::Fails)).await;
            let error = run(&place, operation, &target).await;
            discreet(&error.expect_err("refused"), "not today");
            place.sql(&DB::allow(verb, table)).await;
        }
        let target = place.target(operation).await;
        place.sql(DB::REFUSE_COMMITS).await;
        let error = run(&place, operation, &target).await;
        let error = error.expect_err("refused");
        assert_eq!(error.to_string(), "the database could not do this");
        assert_discreet(&error);
        place.sql(DB::ALLOW_COMMITS).await;
    }
}

async fn fault_22_a_unique_violation_that_was_internal<DB: Threads>(db: &TestDb<DB>) {
    let place = Place::new(db).await;
    let there = place.any_thread().await;
    let before = place.dump().await;
    let again = Target {
        id: there.id,
        version: 1,
    };
    let error = run(&place, Operation::CreateThread, &again).await;
    let error = error.expect_err("it exists");
    assert!(matches!(error, AppError::Conflict(_)), "{error:?}");
    assert_eq!(error.code(), "conflict");
    assert_discreet(&error);
    place.assert_untouched(&before, "a conflict").await;
}
