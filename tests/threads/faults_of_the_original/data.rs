//! What was stored, and what was not.

use futures_util::future::join;
use serde_json::json;
use sqlx_transactional::{Tx, transaction};
use sqlx_transactional_tests::{Engine, Setup, TestDb};
use thread_handlers::AppError;
use thread_handlers::handlers::{send_message, update_thread};
use thread_handlers::model::{NewMessage, Patch};

use super::run;
use crate::engine::{Refusal, Threads};
use crate::operation::{Operation, object};
use crate::place::Place;

cases! {
    Setup::wired() =>
    fault_01_writes_that_were_never_sent,
    fault_12_a_count_read_in_a_second_transaction,
    fault_16_a_side_transaction_that_wrote_a_junk_row,
}

mod two_connections {
    use super::{Setup, fault_11_lost_updates};

    cases! {
        Setup::wired().connections(2) =>
        fault_11_lost_updates,
    }
}

/// The answer is what a second connection reads; a write that the database
/// answered with success and that touched no row is an error.
async fn fault_01_writes_that_were_never_sent<DB: Threads>(db: &TestDb<DB>) {
    let place = Place::new(db).await;
    for operation in Operation::WRITING {
        let target = place.target(operation).await;
        let answer = run(&place, operation, &target).await;
        let answer = answer.unwrap_or_else(|error| panic!("{operation:?}: {error:?}"));
        let stored = match operation {
            Operation::SendMessage => {
                let id = answer["id"].as_str().expect("an id");
                place.dump().await.message(id)
            }
            _ => place.dump().await.thread(&target.id),
        };
        assert_eq!(answer, stored, "{operation:?}");
        let _ = place.events();
        for (verb, table) in operation.writes_to() {
            let target = place.target(operation).await;
            place.sql(&DB::refuse(verb, table, Refusal::Skips)).await;
            let before = place.dump().await;
            let answer = run(&place, operation, &target).await;
            assert!(
                matches!(answer, Err(AppError::NotWritten { rows: 0 })),
                "{operation:?}, {verb} {table}: {answer:?}"
            );
            place.assert_untouched(&before, "never sent").await;
            place.sql(&DB::allow(verb, table)).await;
        }
    }
}

/// Both write what they have read. None of the two is lost, or the later one is
/// told.
async fn fault_11_lost_updates<DB: Threads>(db: &TestDb<DB>) {
    let place = Place::new(db).await;
    let (rename, update) = (Operation::AutoRenameThread, Operation::UpdateThread);
    for (first, second) in [(rename, update), (update, update), (update, rename)] {
        for _ in 0..5 {
            let target = place.target(first).await;
            let answers = join(run(&place, first, &target), run(&place, second, &target));
            let (one, other) = answers.await;
            // Both expect the version they have seen.
            let (kept, told) = match (one, other) {
                (Ok(kept), Err(told)) | (Err(told), Ok(kept)) => (kept, told),
                both => panic!("{first:?}, {second:?}: {both:?}"),
            };
            assert!(
                matches!(
                    told,
                    AppError::VersionConflict {
                        expected: 1,
                        found: 2
                    }
                ),
                "{told:?}"
            );
            assert_eq!(place.dump().await.thread(&target.id), kept);
        }
        // A patch that expects nothing is merged into what is there by then.
        let target = place.target(first).await;
        let (pool, user, id) = (place.pool(), &place.user, target.id.as_str());
        let patch = |key: &str| Patch {
            metadata: object(json!({ key: 1 })),
            ..Patch::default()
        };
        let answers = join(
            update_thread(pool, user, id, patch("one")),
            update_thread(pool, user, id, patch("other")),
        );
        let (one, other) = answers.await;
        let versions = one.expect("the thread").version + other.expect("the thread").version;
        assert_eq!(versions, 2 + 3);
        let thread = place.dump().await.thread(id);
        assert_eq!(
            (&thread["metadata"]["one"], &thread["metadata"]["other"]),
            (&json!(1), &json!(1))
        );
    }
    place.assert_ended("updates").await;
}

/// The count in the answer has a message in it that only this transaction can
/// see, and the thread's change is in the same transaction.
async fn fault_12_a_count_read_in_a_second_transaction<DB: Threads>(db: &TestDb<DB>) {
    let place = Place::new(db).await;
    for operation in [
        Operation::UpdateThread,
        Operation::DeleteThread,
        Operation::AutoRenameThread,
    ] {
        let target = place.target(operation).await;
        let heard = place.hear().await;
        let called = transaction(place.pool(), async |tx: &mut Tx<'_, DB>| {
            let message = NewMessage::user("Not yet there for others");
            send_message(&mut *tx, &place.user, &target.id, message).await?;
            operation.run(tx, &place.user, &target).await
        });
        let answer = called.await.expect("the thread");
        assert_eq!(answer["message_count"], 3, "{operation:?}");
        let expected: &[&str] = match db.engine() {
            Engine::Sqlite => &["COMMIT"],
            _ => &["BEGIN", "COMMIT"],
        };
        assert_eq!(heard.take(), expected, "{operation:?}");
    }
}

/// Each operation stores what it says, and nothing besides; one that fails
/// stores nothing at all, in no table.
async fn fault_16_a_side_transaction_that_wrote_a_junk_row<DB: Threads>(db: &TestDb<DB>) {
    let place = Place::new(db).await;
    let everything = async || {
        let mut rows = Vec::new();
        for table in place.texts(DB::TABLES).await {
            let count = db
                .numbers(&format!("select count(*) from \"{table}\""))
                .await;
            rows.push((table, count[0]));
        }
        rows
    };
    let rows_of = |rows: &[(String, i64)], name: &str| {
        let found = rows.iter().find(|(table, _)| table == name);
        found.expect("the table").1
    };
    for operation in Operation::ALL {
        let target = place.target(operation).await;
        let (dump, before) = (place.dump().await, everything().await);
        let stranger = place.other("boris");
        if !matches!(operation, Operation::ListThreads | Operation::CreateThread) {
            let refused = operation
                .run::<DB, _>(place.pool(), &stranger, &target)
                .await;
            refused.expect_err("not this user's");
            assert_eq!(everything().await, before, "{operation:?}, refused");
        }
        run(&place, operation, &target).await.expect("its answer");
        let after = everything().await;
        for (table, rows) in &before {
            let more = i64::from(matches!(
                (operation, table.as_str()),
                (Operation::CreateThread, "threads") | (Operation::SendMessage, "messages")
            ));
            assert_eq!(
                rows_of(&after, table),
                rows + more,
                "{operation:?}, {table}"
            );
        }
        assert_eq!(after.len(), before.len(), "{operation:?}");
        let done = operation.was_done(&target, &dump, &place.dump().await);
        assert_eq!(done, operation.writes(), "{operation:?}");
        assert_eq!(place.heard(), operation.events(), "{operation:?}");
    }
}
