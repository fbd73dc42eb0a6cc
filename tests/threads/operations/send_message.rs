//! 8. A message at the end of a thread.

use serde_json::{Value, json};
use sqlx_transactional_tests::{Setup, TestDb};
use thread_handlers::AppError;
use thread_handlers::handlers::{delete_thread, send_message};
use thread_handlers::model::{
    CONTENT_MAX, Invalid, METADATA_DEPTH_MAX, METADATA_MAX, NewMessage, RESERVED_KEYS, Role,
};

use crate::engine::Threads;
use crate::operation::{Operation, object};
use crate::place::Place;

cases! {
    Setup::wired() =>
    each_thread_counts_its_own_places_from_1,
    it_is_stored_as_it_was_sent,
    it_has_1_to_32768_characters,
    metadata_that_break_a_rule_are_refused,
    an_archived_thread_takes_none,
    the_thread_has_changed_but_its_version_has_not,
}

/// Asserts that nothing was stored and nothing said, and gives the error.
async fn refused<DB: Threads>(place: &Place<'_, DB>, id: &str, message: NewMessage) -> AppError {
    let before = place.dump().await;
    let answer = send_message(place.pool(), &place.user, id, message).await;
    place.assert_untouched(&before, "a refusal").await;
    answer.expect_err("a refusal")
}

fn rule(error: AppError) -> Invalid {
    match error {
        AppError::Invalid(rule) => rule,
        other => panic!("{other:?}"),
    }
}

async fn each_thread_counts_its_own_places_from_1<DB: Threads>(db: &TestDb<DB>) {
    let place = Place::new(db).await;
    let (one, other) = (place.any_thread().await.id, place.any_thread().await.id);
    for expected in 1..=4 {
        for id in [&one, &other] {
            let message = NewMessage::user("Next");
            let sent = send_message(place.pool(), &place.user, id, message).await;
            assert_eq!(sent.expect("the message").seq, expected);
        }
    }
    let stored = place.dump().await;
    assert_eq!(stored.seqs(&one), [1, 2, 3, 4]);
    assert_eq!(stored.seqs(&other), [1, 2, 3, 4]);
    assert_eq!(place.heard(), ["message_created"; 8]);
}

async fn it_is_stored_as_it_was_sent<DB: Threads>(db: &TestDb<DB>) {
    let place = Place::new(db).await;
    let id = place.any_thread().await.id;
    for role in [Role::User, Role::Assistant, Role::System] {
        let message = NewMessage {
            role,
            content: " 👩‍👩‍👧‍👦 'quoted'; --\r\n\t\u{1} ".to_owned(),
            metadata: object(json!({"a": [1, 2.5, null], "gone": null})),
        };
        let content = message.content.clone();
        let sent = send_message(place.pool(), &place.user, &id, message).await;
        let sent = sent.expect("the message");
        assert_eq!(json!(sent), place.dump().await.message(&sent.id));
        assert_eq!(
            (sent.role, sent.content, &sent.thread_id),
            (role, content, &id)
        );
        assert_eq!(json!(sent.metadata), json!({"a": [1, 2.5, null]}));
        let hex = sent.id.strip_prefix("msg_").expect("the prefix");
        let uuid = uuid::Uuid::try_parse(hex).expect("a UUID");
        assert_eq!((hex.len(), uuid.get_version_num()), (32, 7));
    }
}

async fn it_has_1_to_32768_characters<DB: Threads>(db: &TestDb<DB>) {
    let place = Place::new(db).await;
    let id = place.any_thread().await.id;
    let longest = "語".repeat(CONTENT_MAX);
    for content in ["x", &*longest] {
        let message = NewMessage::user(content);
        let sent = send_message(place.pool(), &place.user, &id, message).await;
        let sent = sent.expect("the message");
        assert_eq!(place.dump().await.message(&sent.id)["content"], content);
    }
    let _ = place.events();
    for (content, found) in [("", 0), (&*format!("{longest}語"), CONTENT_MAX + 1)] {
        let error = refused(&place, &id, NewMessage::user(content)).await;
        assert_eq!(rule(error), Invalid::ContentLength { found });
    }
    let error = refused(&place, &id, NewMessage::user("a\0b")).await;
    assert_eq!(rule(error), Invalid::Nul { field: "message" });
}

async fn metadata_that_break_a_rule_are_refused<DB: Threads>(db: &TestDb<DB>) {
    let place = Place::new(db).await;
    let id = place.any_thread().await.id;
    let with = |metadata: Value| NewMessage {
        metadata: object(metadata),
        ..NewMessage::user("With metadata")
    };
    for key in RESERVED_KEYS {
        let error = refused(&place, &id, with(json!({ key: 1 }))).await;
        let key = key.to_owned();
        assert_eq!(rule(error), Invalid::ReservedKey { key });
    }
    let text = "x".repeat(METADATA_MAX - 7);
    let error = refused(&place, &id, with(json!({ "k": text }))).await;
    let found = METADATA_MAX + 1;
    assert_eq!(rule(error), Invalid::MetadataSize { found });
    let deep = (0..METADATA_DEPTH_MAX).fold(json!([]), |inner, _| json!([inner]));
    let error = refused(&place, &id, with(json!({ "k": deep }))).await;
    assert_eq!(rule(error), Invalid::MetadataDepth);
    let error = refused(&place, &id, with(json!({"k": ["\0"]}))).await;
    assert_eq!(rule(error), Invalid::Nul { field: "metadata" });
}

async fn an_archived_thread_takes_none<DB: Threads>(db: &TestDb<DB>) {
    let place = Place::new(db).await;
    let target = place.target(Operation::SendMessage).await;
    let archived = delete_thread(place.pool(), &place.user, &target.id).await;
    archived.expect("the archived thread");
    let _ = place.events();
    let error = refused(&place, &target.id, NewMessage::user("Too late")).await;
    assert!(matches!(error, AppError::Archived), "{error:?}");
}

async fn the_thread_has_changed_but_its_version_has_not<DB: Threads>(db: &TestDb<DB>) {
    let place = Place::new(db).await;
    let target = place.target(Operation::SendMessage).await;
    place
        .sql("update threads set created_at = 5, updated_at = 6")
        .await;
    let message = NewMessage::user("Now");
    let sent = send_message(place.pool(), &place.user, &target.id, message).await;
    sent.expect("the message");
    let thread = place.dump().await.thread(&target.id);
    assert_eq!(thread["version"], target.version);
    assert!(thread["updated_at"].as_i64() > Some(6), "{thread}");
    assert_eq!(
        (&thread["created_at"], &thread["title"]),
        (&json!(5), &json!("Before"))
    );
}
