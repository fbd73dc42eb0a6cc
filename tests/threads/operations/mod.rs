//! What each operation promises its caller.

mod auto_rename_thread;
mod create_thread;
mod delete_thread;
mod get_messages;
mod get_thread;
mod list_threads;
mod send_message;
mod update_thread;

use serde_json::json;
use sqlx_transactional_tests::{Engine, Setup, TestDb};
use thread_handlers::AppError;
use thread_handlers::events::Event;
use thread_handlers::faults::Faults;
use thread_handlers::model::{NewThread, RESERVED_KEYS};

use crate::engine::Threads;
use crate::operation::{Operation, object};
use crate::place::Place;

cases! {
    Setup::wired() =>
    each_does_what_it_says_and_says_what_it_did,
    each_is_one_transaction_with_its_statements,
    a_refused_request_sends_nothing,
    a_thread_of_another_user_is_as_unknown_as_one_that_is_not_there,
    the_database_itself_keeps_the_rules,
}

/// The rows are what the operation says, all of them; so is its answer; and its
/// event has left once.
async fn each_does_what_it_says_and_says_what_it_did<DB: Threads>(db: &TestDb<DB>) {
    let place = Place::new(db).await;
    for operation in Operation::ALL {
        let target = place.target(operation).await;
        let before = place.dump().await;
        let answer = operation
            .run::<DB, _>(place.pool(), &place.user, &target)
            .await
            .unwrap_or_else(|error| panic!("{operation:?}: {error:?}"));
        let after = place.dump().await;
        let done = operation.was_done(&target, &before, &after);
        assert_eq!(done, operation.writes(), "{operation:?}");
        match operation {
            Operation::ListThreads | Operation::GetMessages => {}
            Operation::SendMessage => {
                let id = answer["id"].as_str().expect("an id");
                assert_eq!(answer, after.message(id));
            }
            _ => assert_eq!(answer, after.thread(&target.id), "{operation:?}"),
        }
        let events = place.events();
        let names: Vec<&str> = events.iter().map(Event::name).collect();
        assert_eq!(names, operation.events(), "{operation:?}");
        if let [event] = events.as_slice() {
            assert_eq!(event.thread_id(), target.id);
            let event = json!(event);
            let subject = event.get("thread").or_else(|| event.get("message"));
            assert_eq!(subject, Some(&answer), "{operation:?}");
        }
        place.assert_ended(&format!("{operation:?}")).await;
    }
}

async fn each_is_one_transaction_with_its_statements<DB: Threads>(db: &TestDb<DB>) {
    let place = Place::new(db).await;
    for operation in Operation::ALL {
        let target = place.target(operation).await;
        place.forget_sent().await;
        let faults = Faults::none();
        let run = operation.run::<DB, _>(place.pool(), &place.user, &target);
        faults.run(run).await.expect("its answer");
        assert!(faults.seen() > 0, "{operation:?} sent no statement");
        if db.engine() == Engine::Postgres {
            let sent = place.sent();
            let begin = if operation.writes() {
                "BEGIN"
            } else {
                "BEGIN READ ONLY"
            };
            assert_eq!(sent[0], begin, "{operation:?}: {sent:?}");
            assert_eq!(sent[sent.len() - 1], "COMMIT", "{operation:?}: {sent:?}");
            assert_eq!(sent.len(), faults.seen() + 2, "{operation:?}: {sent:?}");
            let selects = sent.iter().filter(|word| *word == "select").count();
            let writes = operation.writes_to().len();
            assert_eq!(selects + writes, faults.seen(), "{operation:?}: {sent:?}");
        }
    }
}

/// Rules that need no row to be judged cost the database nothing.
async fn a_refused_request_sends_nothing<DB: Threads>(db: &TestDb<DB>) {
    let place = Place::new(db).await;
    let before = place.dump().await;
    place.forget_sent().await;
    for key in RESERVED_KEYS {
        let new = NewThread {
            metadata: object(json!({ key: 1 })),
            ..NewThread::default()
        };
        let create = thread_handlers::handlers::create_thread(place.pool(), &place.user, new);
        let error = create.await.expect_err("a reserved key");
        assert!(matches!(error, AppError::Invalid(_)), "{error:?}");
        assert!(error.to_string().contains(key), "{error}");
    }
    if let Some(wire) = &db.wire {
        assert_eq!(wire.take_log(), [""; 0]);
    }
    place.assert_untouched(&before, "reserved keys").await;
}

async fn a_thread_of_another_user_is_as_unknown_as_one_that_is_not_there<DB: Threads>(
    db: &TestDb<DB>,
) {
    let place = Place::new(db).await;
    let stranger = place.other("boris");
    for operation in Operation::ALL {
        if matches!(operation, Operation::ListThreads | Operation::CreateThread) {
            continue;
        }
        let target = place.target(operation).await;
        let before = place.dump().await;
        let mut refusals = Vec::new();
        let mut unknown = target.clone();
        unknown.id = thread_handlers::model::thread_id();
        let mut impossible = target.clone();
        impossible.id.push('\0');
        for target in [target, unknown, impossible] {
            let run = operation.run::<DB, _>(place.pool(), &stranger, &target);
            let error = run.await.expect_err("not this user's");
            assert!(
                matches!(error, AppError::NotFound),
                "{operation:?}: {error:?}"
            );
            refusals.push((error.code(), error.to_string()));
            place
                .assert_untouched(&before, &format!("{operation:?}"))
                .await;
        }
        refusals.dedup();
        assert_eq!(refusals.len(), 1, "{operation:?}: {refusals:?}");
    }
}

/// What the operations check, the tables check too.
async fn the_database_itself_keeps_the_rules<DB: Threads>(db: &TestDb<DB>) {
    let place = Place::new(db).await;
    let target = place.target(Operation::SendMessage).await;
    let before = place.dump().await;
    let id = &target.id;
    let thread = |values: &str| {
        format!(
            "insert into threads (id, owner, title, status, metadata, created_at, updated_at, \
             archived_at, version) values ({values})"
        )
    };
    let message = |values: &str| {
        format!(
            "insert into messages (id, thread_id, seq, role, content, metadata, created_at) \
             values ({values})"
        )
    };
    for sql in [
        message(&format!("'msg_x', '{id}', 3, 'robot', 'hi', '{{}}', 1")),
        message(&format!("'msg_x', '{id}', 1, 'user', 'hi', '{{}}', 1")),
        message(&format!("'msg_x', '{id}', 3, 'user', '', '{{}}', 1")),
        message(&format!("'msg_x', '{id}', 3, 'user', 'hi', '[]', 1")),
        message("'msg_x', 'thread_x', 1, 'user', 'hi', '{}', 1"),
        thread(&format!(
            "'{id}', 'amina', null, 'active', '{{}}', 1, 1, null, 1"
        )),
        thread("'thread_x', 'amina', '', 'active', '{}', 1, 1, null, 1"),
        thread("'thread_x', 'amina', null, 'gone', '{}', 1, 1, null, 1"),
        thread("'thread_x', 'amina', null, 'archived', '{}', 1, 1, null, 1"),
        thread("'thread_x', 'amina', null, 'active', '[]', 1, 1, null, 1"),
    ] {
        let mut observer = db.observer.acquire().await.expect("the observer");
        let error = DB::execute(&mut observer, &sql).await;
        let error = error.expect_err(&sql);
        let violated = error.as_database_error().is_some_and(|error| {
            error.is_check_violation()
                || error.is_unique_violation()
                || error.is_foreign_key_violation()
        });
        assert!(violated, "{sql}: {error:?}");
    }
    assert_eq!(place.dump().await, before);
}
