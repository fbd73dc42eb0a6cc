//! 2. A new, active thread without messages.

use serde_json::{Value, json};
use sqlx_transactional_tests::{Setup, TestDb};
use thread_handlers::AppError;
use thread_handlers::handlers::{create_thread, get_thread, list_threads};
use thread_handlers::model::{
    Invalid, METADATA_DEPTH_MAX, METADATA_MAX, NewThread, Status, Thread, ThreadPage, thread_id,
};

use crate::engine::Threads;
use crate::operation::object;
use crate::place::Place;

cases! {
    Setup::wired() =>
    it_is_active_at_version_1_without_messages,
    a_title_has_1_to_200_characters_after_trimming,
    metadata_have_16_kib_at_most,
    null_keys_are_not_kept,
    metadata_come_back_as_they_were_sent,
    metadata_nested_deeply_are_refused_or_can_be_read,
    an_id_that_exists_is_a_conflict,
    an_id_of_another_shape_is_refused,
    a_nul_is_refused,
}

fn titled(title: &str) -> NewThread {
    NewThread {
        title: Some(title.to_owned()),
        ..NewThread::default()
    }
}

fn with(metadata: Value) -> NewThread {
    NewThread {
        metadata: object(metadata),
        ..NewThread::default()
    }
}

async fn create<DB: Threads>(place: &Place<'_, DB>, new: NewThread) -> Thread {
    create_thread(place.pool(), &place.user, new)
        .await
        .expect("a thread")
}

/// Asserts that nothing was stored and nothing said, and gives the rule.
async fn refused<DB: Threads>(place: &Place<'_, DB>, new: NewThread) -> Invalid {
    let before = place.dump().await;
    let answer = create_thread(place.pool(), &place.user, new).await;
    let rule = match answer.expect_err("a refusal") {
        AppError::Invalid(rule) => rule,
        other => panic!("{other:?}"),
    };
    place.assert_untouched(&before, "a refusal").await;
    rule
}

async fn it_is_active_at_version_1_without_messages<DB: Threads>(db: &TestDb<DB>) {
    let place = Place::new(db).await;
    let thread = create(&place, NewThread::default()).await;
    assert_eq!(place.dump().await.thread(&thread.id), json!(thread));
    assert_eq!(
        (&*thread.owner, thread.title, thread.status),
        ("amina", None, Status::Active)
    );
    assert_eq!((thread.version, thread.message_count), (1, 0));
    assert_eq!(thread.archived_at, None);
    assert_eq!(thread.created_at, thread.updated_at);
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .expect("a time");
    let age = i128::from(thread.created_at) - i128::try_from(now.as_micros()).expect("micros");
    assert!(age.abs() < 60_000_000, "not microseconds: {age}");
    let hex = thread.id.strip_prefix("thread_").expect("the prefix");
    assert_eq!(hex.len(), 32);
    assert_eq!(
        uuid::Uuid::try_parse(hex)
            .expect("a UUID")
            .get_version_num(),
        7
    );
    assert_eq!(place.heard(), ["thread_created"]);
}

async fn a_title_has_1_to_200_characters_after_trimming<DB: Threads>(db: &TestDb<DB>) {
    let place = Place::new(db).await;
    let longest = "語".repeat(200);
    for (sent, stored) in [
        (" \t Reise nach Zürich \n", "Reise nach Zürich"),
        (&*format!("  {longest}  "), &*longest),
        ("x", "x"),
        ("'; drop table threads; --", "'; drop table threads; --"),
    ] {
        let thread = create(&place, titled(sent)).await;
        assert_eq!(thread.title.as_deref(), Some(stored));
        assert_eq!(place.dump().await.thread(&thread.id)["title"], stored);
    }
    let _ = place.events();
    for (title, found) in [("", 0), (" \u{3000}\n", 0), (&*"語".repeat(201), 201)] {
        let rule = refused(&place, titled(title)).await;
        assert_eq!(rule, Invalid::TitleLength { found });
    }
}

async fn metadata_have_16_kib_at_most<DB: Threads>(db: &TestDb<DB>) {
    let place = Place::new(db).await;
    // {"k":"…"} is eight bytes around its text.
    let text = "x".repeat(METADATA_MAX - 8);
    let thread = create(&place, with(json!({ "k": text }))).await;
    assert_eq!(
        place.dump().await.thread(&thread.id)["metadata"]["k"],
        *text
    );
    let _ = place.events();
    let rule = refused(&place, with(json!({ "k": format!("{text}x") }))).await;
    let found = METADATA_MAX + 1;
    assert_eq!(rule, Invalid::MetadataSize { found });
    // It is bytes that count.
    let wide = "é".repeat(METADATA_MAX / 2);
    let rule = refused(&place, with(json!({ "k": wide }))).await;
    let found = METADATA_MAX + 8;
    assert_eq!(rule, Invalid::MetadataSize { found });
}

async fn null_keys_are_not_kept<DB: Threads>(db: &TestDb<DB>) {
    let place = Place::new(db).await;
    let thread = create(&place, with(json!({"gone": null, "kept": {"deep": null}}))).await;
    let metadata = json!({"kept": {"deep": null}});
    assert_eq!(json!(thread.metadata), metadata);
    assert_eq!(place.dump().await.thread(&thread.id)["metadata"], metadata);
}

/// Whatever JSON can say: an application that reads a number back must find the
/// one that it stored.
async fn metadata_come_back_as_they_were_sent<DB: Threads>(db: &TestDb<DB>) {
    let place = Place::new(db).await;
    let sent = json!({
        "": "an empty key",
        "unicode": "👩‍👩‍👧‍👦 \u{202e}Ω \u{1f} \"quoted\" \\ back",
        "integers": [0, -1, i64::MIN, i64::MAX, u64::MAX],
        "floats": [0.1, -2.5, 1e300, 5e-324, 1.0, 123_456_789.123_456_78],
        "awkward": [
            0.302_926_141_327_837_4, 0.999_999_999_999_999_9, 9_007_199_254_740_993.0,
            2.225_073_858_507_201e-308, 6.022_140_76e23, f64::MAX, f64::MIN_POSITIVE,
            std::f64::consts::PI, std::f64::consts::E, 1.0 / 3.0, 2.0 / 3.0,
        ],
        "nested": {"a": [{"b": [[], {}]}, null, true]},
    });
    let thread = create(&place, with(sent.clone())).await;
    assert_eq!(json!(thread.metadata), sent);
    let read = get_thread(place.pool(), &place.user, &thread.id).await;
    assert_eq!(json!(read.expect("the thread").metadata), sent);
}

/// Deeper than a reader of JSON goes, they would make the thread unreadable, and
/// every list that it is in.
async fn metadata_nested_deeply_are_refused_or_can_be_read<DB: Threads>(db: &TestDb<DB>) {
    let place = Place::new(db).await;
    for levels in [2, 99, 100, 101, 126, 127, 128, 129, 1_000] {
        let nested = (2..levels).fold(json!([]), |inner, _| json!([inner]));
        let created = create_thread(place.pool(), &place.user, with(json!({ "k": nested }))).await;
        let thread = match created {
            Ok(thread) if levels <= METADATA_DEPTH_MAX => thread,
            Err(AppError::Invalid(Invalid::MetadataDepth)) if levels > METADATA_DEPTH_MAX => {
                continue;
            }
            other => panic!("{levels} levels: {other:?}"),
        };
        let read = get_thread(place.pool(), &place.user, &thread.id).await;
        assert_eq!(read.expect("the thread"), thread, "{levels} levels");
        let list = list_threads(place.pool(), &place.user, ThreadPage::default()).await;
        assert!(list.is_ok(), "{levels} levels: {:?}", list.err());
    }
}

async fn an_id_that_exists_is_a_conflict<DB: Threads>(db: &TestDb<DB>) {
    let place = Place::new(db).await;
    let id = thread_id();
    let chosen = |title: &str| NewThread {
        id: Some(id.clone()),
        ..titled(title)
    };
    assert_eq!(create(&place, chosen("First")).await.id, id);
    let _ = place.events();
    let before = place.dump().await;
    for user in [&place.user, &place.other("boris")] {
        let error = create_thread(place.pool(), user, chosen("Second")).await;
        let error = error.expect_err("a conflict");
        assert!(matches!(error, AppError::Conflict(_)), "{error:?}");
        assert_eq!(error.code(), "conflict");
        place.assert_untouched(&before, "a conflict").await;
    }
}

async fn an_id_of_another_shape_is_refused<DB: Threads>(db: &TestDb<DB>) {
    let place = Place::new(db).await;
    for id in ["", "mine", "thread_", &*thread_id().to_uppercase()] {
        let new = NewThread {
            id: Some(id.to_owned()),
            ..NewThread::default()
        };
        assert_eq!(refused(&place, new).await, Invalid::ThreadId);
    }
}

async fn a_nul_is_refused<DB: Threads>(db: &TestDb<DB>) {
    let place = Place::new(db).await;
    let field = "title";
    assert_eq!(
        refused(&place, titled("a\0b")).await,
        Invalid::Nul { field }
    );
    let field = "metadata";
    for metadata in [
        json!({"a\0": 1}),
        json!({"a": "\0"}),
        json!({"a": [{"b": "\0"}]}),
    ] {
        let rule = refused(&place, with(metadata)).await;
        assert_eq!(rule, Invalid::Nul { field });
    }
}
