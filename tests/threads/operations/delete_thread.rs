//! 5. Archiving a thread.

use serde_json::json;
use sqlx_transactional_tests::{Engine, Setup, TestDb};
use thread_handlers::handlers::{delete_thread, get_messages};
use thread_handlers::model::{Page, Status};

use crate::engine::Threads;
use crate::operation::Operation;
use crate::place::Place;

cases! {
    Setup::wired() =>
    it_says_when_and_keeps_everything_else,
    a_second_time_changes_nothing_and_says_nothing,
}

async fn it_says_when_and_keeps_everything_else<DB: Threads>(db: &TestDb<DB>) {
    let place = Place::new(db).await;
    let target = place.target(Operation::DeleteThread).await;
    place
        .sql("update threads set created_at = 5, updated_at = 6")
        .await;
    let before = place.dump().await;
    let thread = delete_thread(place.pool(), &place.user, &target.id).await;
    let thread = thread.expect("the archived thread");
    let after = place.dump().await;
    assert!(Operation::DeleteThread.was_done(&target, &before, &after));
    assert_eq!(json!(thread), after.thread(&target.id));
    assert_eq!((thread.status, thread.version), (Status::Archived, 2));
    assert_eq!((thread.created_at, thread.message_count), (5, 2));
    assert!(thread.updated_at > 6, "{thread:?}");
    assert_eq!(thread.archived_at, Some(thread.updated_at));
    assert_eq!(place.heard(), ["thread_archived"]);
    let messages = get_messages(place.pool(), &place.user, &target.id, Page::default()).await;
    assert_eq!(messages.expect("its messages").total, 2);
}

async fn a_second_time_changes_nothing_and_says_nothing<DB: Threads>(db: &TestDb<DB>) {
    let place = Place::new(db).await;
    let target = place.target(Operation::DeleteThread).await;
    let first = delete_thread(place.pool(), &place.user, &target.id).await;
    let first = first.expect("the archived thread");
    // The second time is a later one.
    let then = "update threads set archived_at = 7, updated_at = 8";
    place.sql(then).await;
    assert_eq!(place.heard(), ["thread_archived"]);
    let before = place.dump().await;
    place.forget_sent().await;
    for _ in 0..2 {
        let again = delete_thread(place.pool(), &place.user, &target.id).await;
        let again = again.expect("the archived thread");
        assert_eq!((again.archived_at, again.updated_at), (Some(7), 8));
        assert_eq!(again.version, first.version);
        assert_eq!(json!(again), before.thread(&target.id));
    }
    if db.engine() == Engine::Postgres {
        let sent = place.sent();
        assert!(!sent.contains(&"update".to_owned()), "{sent:?}");
    }
    place.assert_untouched(&before, "a second time").await;
}
