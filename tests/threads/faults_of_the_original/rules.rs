//! What was taken that should have been refused.

use serde_json::json;
use sqlx_transactional_tests::{Engine, Setup, TestDb};
use thread_handlers::AppError;
use thread_handlers::handlers::{list_threads, send_message, update_thread};
use thread_handlers::model::{Invalid, NewMessage, Page, Patch, RESERVED_KEYS, Role, ThreadPage};

use super::run;
use crate::engine::Threads;
use crate::operation::{Operation, object};
use crate::place::Place;

cases! {
    Setup::wired() =>
    fault_17_one_count_per_row_and_an_unbounded_list,
    fault_19_reserved_keys_forged_through_update,
    fault_20_archived_threads_that_accepted_messages_and_renames,
}

async fn fault_17_one_count_per_row_and_an_unbounded_list<DB: Threads>(db: &TestDb<DB>) {
    let place = Place::new(db).await;
    for _ in 0..25 {
        place.target(Operation::ListThreads).await;
    }
    let list = async |limit: Option<i64>| {
        let page = Page { limit, offset: 0 };
        let page = ThreadPage {
            page,
            ..ThreadPage::default()
        };
        list_threads(place.pool(), &place.user, page).await
    };
    place.forget_sent().await;
    let all = list(Some(100)).await.expect("a list");
    assert!(all.threads.iter().all(|thread| thread.message_count == 2));
    assert_eq!((all.threads.len(), all.total), (25, 25));
    if db.engine() == Engine::Postgres {
        assert_eq!(place.sent(), ["BEGIN READ ONLY", "select", "COMMIT"]);
    }
    assert_eq!(list(None).await.expect("a list").threads.len(), 20);
    for limit in [-1, 0, 101] {
        let error = list(Some(limit)).await.expect_err("a limit that is none");
        assert!(
            matches!(error, AppError::Invalid(Invalid::Limit { found }) if found == limit),
            "{error:?}"
        );
    }
}

async fn fault_19_reserved_keys_forged_through_update<DB: Threads>(db: &TestDb<DB>) {
    let place = Place::new(db).await;
    let target = place.target(Operation::UpdateThread).await;
    let before = place.dump().await;
    let keys = [
        "user_id",
        "owner",
        "status",
        "title",
        "created_at",
        "updated_at",
        "archived_at",
        "auto_renamed",
        "id",
        "object",
    ];
    for key in keys {
        assert!(RESERVED_KEYS.contains(&key), "{key}");
        for value in [json!("forged"), json!(true), json!(null)] {
            let patch = Patch {
                metadata: object(json!({ key: value, "mine": 1 })),
                ..Patch::default()
            };
            let error = update_thread(place.pool(), &place.user, &target.id, patch).await;
            let error = error.expect_err("a reserved key");
            assert!(
                matches!(&error, AppError::Invalid(Invalid::ReservedKey { key: k }) if k == key),
                "{error:?}"
            );
            assert!(error.to_string().contains(key), "{error}");
        }
    }
    place.assert_untouched(&before, "forged").await;
}

async fn fault_20_archived_threads_that_accepted_messages_and_renames<DB: Threads>(
    db: &TestDb<DB>,
) {
    let place = Place::new(db).await;
    let mut target = place.target(Operation::DeleteThread).await;
    let archived = run(&place, Operation::DeleteThread, &target).await;
    target.version = archived.expect("the thread")["version"]
        .as_i64()
        .expect("a version");
    let _ = place.events();
    let before = place.dump().await;
    for operation in [
        Operation::SendMessage,
        Operation::AutoRenameThread,
        Operation::UpdateThread,
    ] {
        let answer = run(&place, operation, &target).await;
        assert!(matches!(answer, Err(AppError::Archived)), "{answer:?}");
        place.assert_untouched(&before, "archived").await;
    }
    for role in [Role::User, Role::Assistant, Role::System] {
        let message = NewMessage {
            role,
            ..NewMessage::user("Too late")
        };
        let answer = send_message(place.pool(), &place.user, &target.id, message).await;
        assert!(matches!(answer, Err(AppError::Archived)), "{answer:?}");
    }
    place.assert_untouched(&before, "archived").await;
}
