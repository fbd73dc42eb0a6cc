//! The eleven session-safety scenarios, each for all operations that it can
//! happen to.

mod sessions;

use sqlx_transactional::{Tx, transaction};
use sqlx_transactional_tests::{Engine, Setup, TestDb, inspect};
use thread_handlers::AppError;
use thread_handlers::faults::{Fault, Faults};

use crate::engine::{Refusal, Threads};
use crate::expect::{assert_discreet, database_code};
use crate::operation::{Operation, Target};
use crate::place::Place;

cases! {
    Setup::wired() =>
    scenario_01_update_whose_commit_fails,
    scenario_02_create_with_a_constraint_violation,
    scenario_03_get_whose_load_fails,
    scenario_04_repository_used_through_the_callers_transaction,
    scenario_05_delete_whose_write_fails,
    scenario_06_rename_whose_write_fails,
    scenario_07_list_whose_query_fails,
}

async fn run<DB: Threads>(
    place: &Place<'_, DB>,
    operation: Operation,
    target: &Target,
) -> Result<serde_json::Value, AppError> {
    operation
        .run::<DB, _>(place.pool(), &place.user, target)
        .await
}

/// Asserts that the operation fails and leaves everything as it was, and gives
/// the error.
async fn fails<DB: Threads>(
    place: &Place<'_, DB>,
    operation: Operation,
    target: &Target,
) -> AppError {
    let before = place.dump().await;
    let answer = run(place, operation, target).await;
    let context = format!("{operation:?}");
    place.assert_untouched(&before, &context).await;
    let error = answer.expect_err(&context);
    assert_discreet(&error);
    error
}

/// Asserts that the operation does what it says on the same pool.
async fn succeeds<DB: Threads>(place: &Place<'_, DB>, operation: Operation, target: &Target) {
    let before = place.dump().await;
    let answer = run(place, operation, target).await;
    answer.unwrap_or_else(|error| panic!("{operation:?}: {error:?}"));
    let done = operation.was_done(target, &before, &place.dump().await);
    assert_eq!(done, operation.writes(), "{operation:?}");
    assert_eq!(place.heard(), operation.events(), "{operation:?}");
}

/// How many statements the operation sends.
async fn statements<DB: Threads>(place: &Place<'_, DB>, operation: Operation) -> usize {
    let target = place.target(operation).await;
    let faults = Faults::none();
    let run = run(place, operation, &target);
    faults.run(run).await.expect("its answer");
    let _ = place.events();
    faults.seen()
}

/// The caller gets the error of the COMMIT, not the result that was ready.
async fn scenario_01_update_whose_commit_fails<DB: Threads>(db: &TestDb<DB>) {
    let place = Place::new(db).await;
    for operation in Operation::WRITING {
        let target = place.target(operation).await;
        place.sql(DB::REFUSE_COMMITS).await;
        let error = fails(&place, operation, &target).await;
        assert_eq!(database_code(&error), DB::FOREIGN_KEY, "{operation:?}");
        place.sql(DB::ALLOW_COMMITS).await;
        succeeds(&place, operation, &target).await;
    }
}

/// A unique index that the test adds is violated by what the operation writes.
async fn scenario_02_create_with_a_constraint_violation<DB: Threads>(db: &TestDb<DB>) {
    let place = Place::new(db).await;
    for (operation, table, column, value) in [
        (Operation::CreateThread, "threads", "title", "Created"),
        (Operation::UpdateThread, "threads", "title", "Updated"),
        (Operation::DeleteThread, "threads", "status", "archived"),
        (Operation::AutoRenameThread, "threads", "title", "Renamed"),
        (Operation::SendMessage, "messages", "content", "Sent"),
    ] {
        let first = place.target(operation).await;
        succeeds(&place, operation, &first).await;
        let second = place.target(operation).await;
        place
            .sql(&format!(
                "create unique index one_only on {table} ({column}) where {column} = '{value}'"
            ))
            .await;
        let error = fails(&place, operation, &second).await;
        assert!(
            matches!(error, AppError::Conflict(_)),
            "{operation:?}: {error:?}"
        );
        assert_eq!(error.code(), "conflict");
        place.sql("drop index one_only").await;
        succeeds(&place, operation, &second).await;
    }
}

/// The table is gone for a while, so each operation's first statement fails.
async fn scenario_03_get_whose_load_fails<DB: Threads>(db: &TestDb<DB>) {
    let place = Place::new(db).await;
    for operation in Operation::ALL {
        let target = place.target(operation).await;
        let before = place.dump().await;
        place.sql("alter table threads rename to elsewhere").await;
        let answer = run(&place, operation, &target).await;
        let left = inspect::left_behind(db).await;
        place.sql("alter table elsewhere rename to threads").await;
        assert!(left.is_empty(), "{operation:?}: {left:#?}");
        let error = answer.expect_err("no table");
        assert_eq!(database_code(&error), DB::NO_SUCH_TABLE, "{operation:?}");
        assert_discreet(&error);
        place
            .assert_untouched(&before, &format!("{operation:?}"))
            .await;
        succeeds(&place, operation, &target).await;
    }
}

/// What an operation did inside the caller's transaction is seen there, and
/// nowhere else until the caller commits; the caller can still roll it back.
async fn scenario_04_repository_used_through_the_callers_transaction<DB: Threads>(db: &TestDb<DB>) {
    let place = Place::new(db).await;
    for operation in Operation::ALL {
        for commits in [false, true] {
            let context = format!("{operation:?}, commits: {commits}");
            let target = place.target(operation).await;
            let before = place.dump().await;
            place.forget_sent().await;
            let called = transaction(place.pool(), async |tx: &mut Tx<'_, DB>| {
                operation.run(&mut *tx, &place.user, &target).await?;
                // Inside, the thread is as the operation left it.
                let get = Operation::GetThread;
                let seen = get.run(&mut *tx, &place.user, &target).await?;
                assert_eq!(place.dump().await, before, "{context}: seen outside");
                assert_eq!(place.heard(), [""; 0], "{context}: told before COMMIT");
                if !commits {
                    tx.roll_back();
                }
                Ok::<_, AppError>(seen)
            });
            let seen = called.await.unwrap_or_else(|e| panic!("{context}: {e:?}"));
            let sent = place.sent();
            if db.engine() == Engine::Postgres {
                let end = if commits { "COMMIT" } else { "ROLLBACK" };
                assert_eq!(sent[0], "BEGIN", "{context}: {sent:?}");
                assert_eq!(sent[sent.len() - 1], end, "{context}: {sent:?}");
                let inside = &sent[1..sent.len() - 1];
                let control = |word: &String| word.chars().all(char::is_uppercase);
                assert!(!inside.iter().any(control), "{context}: {sent:?}");
            }
            if commits && operation.writes() {
                let after = place.dump().await;
                assert!(operation.was_done(&target, &before, &after), "{context}");
                assert_eq!(seen, after.thread(&target.id), "{context}");
                assert_eq!(place.heard(), operation.events(), "{context}");
                place.assert_ended(&context).await;
            } else {
                place.assert_untouched(&before, &context).await;
            }
        }
    }
}

/// Each write in turn is refused by the database itself.
async fn scenario_05_delete_whose_write_fails<DB: Threads>(db: &TestDb<DB>) {
    write_fails(db, Refusal::Fails).await;
}

/// The same, where the database gives up the whole transaction with the write:
/// on `SQLite` the operation's own ROLLBACK then finds none.
async fn scenario_06_rename_whose_write_fails<DB: Threads>(db: &TestDb<DB>) {
    write_fails(db, Refusal::FailsAll).await;
}

async fn write_fails<DB: Threads>(db: &TestDb<DB>, what: Refusal) {
    let place = Place::new(db).await;
    for operation in Operation::WRITING {
        for (verb, table) in operation.writes_to() {
            let target = place.target(operation).await;
            place.sql(&DB::refuse(verb, table, what)).await;
            let error = fails(&place, operation, &target).await;
            assert_eq!(database_code(&error), DB::REFUSED, "{operation:?}");
            place.sql(&DB::allow(verb, table)).await;
            succeeds(&place, operation, &target).await;
        }
    }
}

/// Each statement of the operations that read is refused.
async fn scenario_07_list_whose_query_fails<DB: Threads>(db: &TestDb<DB>) {
    let place = Place::new(db).await;
    for operation in Operation::READING {
        for statement in 1..=statements(&place, operation).await {
            let target = place.target(operation).await;
            let refused = Faults::at(statement, Fault::Refused);
            let error = refused.run(fails(&place, operation, &target)).await;
            assert_eq!(database_code(&error), DB::NO_SUCH_TABLE, "{operation:?}");
            succeeds(&place, operation, &target).await;
        }
    }
}
