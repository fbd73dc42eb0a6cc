//! 4. Changing a thread.

use serde_json::{Value, json};
use sqlx_transactional_tests::{Setup, TestDb};
use thread_handlers::AppError;
use thread_handlers::handlers::{auto_rename_thread, delete_thread, update_thread};
use thread_handlers::model::{
    Invalid, METADATA_DEPTH_MAX, METADATA_MAX, NewThread, Patch, RESERVED_KEYS, Suggestion, Thread,
};

use crate::engine::Threads;
use crate::operation::{Operation, object};
use crate::place::Place;

cases! {
    Setup::wired() =>
    it_sets_what_the_patch_names_and_keeps_the_rest,
    metadata_are_merged_and_a_null_removes_its_key,
    the_merged_metadata_have_a_size_and_a_depth,
    a_title_that_breaks_a_rule_is_refused,
    reserved_keys_are_refused_by_name,
    the_expected_version_must_be_the_stored_one,
    an_archived_thread_is_not_changed,
    the_mark_of_a_made_title_stays,
    untouched_metadata_stay_as_they_are,
}

fn title(title: &str) -> Patch {
    Patch {
        title: Some(title.to_owned()),
        ..Patch::default()
    }
}

fn metadata(metadata: Value) -> Patch {
    Patch {
        metadata: object(metadata),
        ..Patch::default()
    }
}

async fn update<DB: Threads>(place: &Place<'_, DB>, id: &str, patch: Patch) -> Thread {
    let thread = update_thread(place.pool(), &place.user, id, patch).await;
    let thread = thread.expect("the thread");
    assert_eq!(json!(thread), place.dump().await.thread(id));
    assert_eq!(place.heard(), ["thread_updated"]);
    thread
}

/// Asserts that nothing was changed and nothing said, and gives the error.
async fn refused<DB: Threads>(place: &Place<'_, DB>, id: &str, patch: Patch) -> AppError {
    let before = place.dump().await;
    let answer = update_thread(place.pool(), &place.user, id, patch).await;
    place.assert_untouched(&before, "a refusal").await;
    answer.expect_err("a refusal")
}

fn rule(error: AppError) -> Invalid {
    match error {
        AppError::Invalid(rule) => rule,
        other => panic!("{other:?}"),
    }
}

async fn it_sets_what_the_patch_names_and_keeps_the_rest<DB: Threads>(db: &TestDb<DB>) {
    let place = Place::new(db).await;
    let target = place.target(Operation::UpdateThread).await;
    let other = place.target(Operation::UpdateThread).await;
    place
        .sql("update threads set created_at = 5, updated_at = 6")
        .await;
    let untouched = place.dump().await.thread(&other.id);
    let kept = json!({"kept": [1, "zwei", null], "removed": true});
    let thread = update(&place, &target.id, title("  Zürich \n")).await;
    assert_eq!(thread.title.as_deref(), Some("Zürich"));
    assert_eq!(json!(thread.metadata), kept);
    assert_eq!((thread.version, thread.message_count), (2, 2));
    assert_eq!(thread.created_at, 5);
    assert!(thread.updated_at > 6, "{thread:?}");
    let thread = update(&place, &target.id, metadata(json!({"a": 1}))).await;
    assert_eq!(thread.title.as_deref(), Some("Zürich"));
    assert_eq!(thread.version, 3);
    assert_eq!(place.dump().await.thread(&other.id), untouched);
}

async fn metadata_are_merged_and_a_null_removes_its_key<DB: Threads>(db: &TestDb<DB>) {
    let place = Place::new(db).await;
    let id = place.any_thread().await.id;
    for (patch, stored) in [
        (
            json!({"a": 1, "b": {"c": [1, 2]}}),
            json!({"a": 1, "b": {"c": [1, 2]}}),
        ),
        (
            json!({"a": null, "b": {"d": null}}),
            json!({"b": {"d": null}}),
        ),
        (
            json!({"never": null, "e": "f"}),
            json!({"b": {"d": null}, "e": "f"}),
        ),
        (json!({}), json!({"b": {"d": null}, "e": "f"})),
        (json!({"b": null, "e": null}), json!({})),
    ] {
        let thread = update(&place, &id, metadata(patch)).await;
        assert_eq!(json!(thread.metadata), stored);
    }
}

async fn the_merged_metadata_have_a_size_and_a_depth<DB: Threads>(db: &TestDb<DB>) {
    let place = Place::new(db).await;
    let half = "x".repeat(METADATA_MAX / 2);
    let new = NewThread {
        metadata: object(json!({ "a": half })),
        ..NewThread::default()
    };
    let id = place.thread(new).await.id;
    // Each alone would be small enough; together they are {"a":"…","b":"…"}.
    let error = refused(&place, &id, metadata(json!({ "b": half }))).await;
    let found = METADATA_MAX + 15;
    assert_eq!(rule(error), Invalid::MetadataSize { found });
    let fits = &half[15..];
    update(&place, &id, metadata(json!({ "b": fits }))).await;
    let error = refused(&place, &id, metadata(json!({ "b": format!("{fits}x") }))).await;
    let found = METADATA_MAX + 1;
    assert_eq!(rule(error), Invalid::MetadataSize { found });
    update(&place, &id, metadata(json!({ "a": null, "c": half }))).await;
    let deep = (0..METADATA_DEPTH_MAX).fold(json!([]), |inner, _| json!([inner]));
    let error = refused(&place, &id, metadata(json!({ "b": deep }))).await;
    assert_eq!(rule(error), Invalid::MetadataDepth);
}

async fn a_title_that_breaks_a_rule_is_refused<DB: Threads>(db: &TestDb<DB>) {
    let place = Place::new(db).await;
    let id = place.any_thread().await.id;
    for (text, found) in [("", 0), (" \n\t", 0), (&*"x".repeat(201), 201)] {
        let error = refused(&place, &id, title(text)).await;
        assert_eq!(rule(error), Invalid::TitleLength { found });
    }
    let error = refused(&place, &id, title("a\0")).await;
    assert_eq!(rule(error), Invalid::Nul { field: "title" });
    let longest = "語".repeat(200);
    let thread = update(&place, &id, title(&longest)).await;
    assert_eq!(thread.title, Some(longest));
}

async fn reserved_keys_are_refused_by_name<DB: Threads>(db: &TestDb<DB>) {
    let place = Place::new(db).await;
    let id = place.any_thread().await.id;
    for key in RESERVED_KEYS {
        for value in [json!("forged"), Value::Null] {
            let patch = metadata(json!({ "fine": 1, key: value }));
            let error = refused(&place, &id, patch).await;
            let key = key.to_owned();
            assert_eq!(rule(error), Invalid::ReservedKey { key });
        }
    }
}

async fn the_expected_version_must_be_the_stored_one<DB: Threads>(db: &TestDb<DB>) {
    let place = Place::new(db).await;
    let target = place.target(Operation::UpdateThread).await;
    let expecting = |version: i64| Patch {
        expected_version: Some(version),
        ..title("Mine")
    };
    let thread = update(&place, &target.id, expecting(1)).await;
    assert_eq!(thread.version, 2);
    for stale in [1, 0, 3, -1, i64::MAX] {
        let error = refused(&place, &target.id, expecting(stale)).await;
        let AppError::VersionConflict { expected, found } = error else {
            panic!("{error:?}");
        };
        assert_eq!((expected, found), (stale, 2));
    }
    // One that expects nothing is not in anybody's way.
    assert_eq!(update(&place, &target.id, title("Any")).await.version, 3);
}

async fn an_archived_thread_is_not_changed<DB: Threads>(db: &TestDb<DB>) {
    let place = Place::new(db).await;
    let target = place.target(Operation::UpdateThread).await;
    let archived = delete_thread(place.pool(), &place.user, &target.id).await;
    assert_eq!(archived.expect("the archived thread").version, 2);
    let _ = place.events();
    for patch in [
        title("Late"),
        metadata(json!({"late": 1})),
        Patch::default(),
    ] {
        let error = refused(&place, &target.id, patch).await;
        assert!(matches!(error, AppError::Archived), "{error:?}");
    }
}

async fn the_mark_of_a_made_title_stays<DB: Threads>(db: &TestDb<DB>) {
    let place = Place::new(db).await;
    let id = place.any_thread().await.id;
    let suggestion = Suggestion {
        title: "Made".to_owned(),
        version: 1,
    };
    let made = auto_rename_thread(place.pool(), &place.user, &id, suggestion).await;
    assert!(made.expect("the thread").metadata.is_auto_renamed());
    let _ = place.events();
    let thread = update(&place, &id, metadata(json!({"a": 1}))).await;
    assert_eq!(
        json!(thread.metadata),
        json!({"a": 1, "auto_renamed": true})
    );
}

/// A patch that names only the title leaves every byte of the metadata.
async fn untouched_metadata_stay_as_they_are<DB: Threads>(db: &TestDb<DB>) {
    let place = Place::new(db).await;
    // Sixteen or seventeen digits each: what a clock or a sensor sends.
    let numbers: Vec<f64> = (1..400_i32)
        .map(|n| (f64::from(n) * 0.739_085_133_215_160_6).sin() * 10_f64.powi(n % 23 - 11))
        .collect();
    let new = NewThread {
        metadata: object(json!({ "numbers": numbers })),
        ..NewThread::default()
    };
    let id = place.thread(new).await.id;
    let metadata_of = format!("select cast(metadata as text) from threads where id = '{id}'");
    let before = place.texts(&metadata_of).await;
    for round in 0..3 {
        update(&place, &id, title(&format!("Round {round}"))).await;
        let after = place.texts(&metadata_of).await;
        assert_eq!(after, before, "round {round}");
    }
}
