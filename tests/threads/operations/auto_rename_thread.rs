//! 7. Giving a thread the title that was made for it.

use serde_json::json;
use sqlx_transactional_tests::{Setup, TestDb};
use thread_handlers::AppError;
use thread_handlers::handlers::{auto_rename_thread, delete_thread, send_message, update_thread};
use thread_handlers::model::{NewMessage, Patch, Suggestion};

use crate::engine::Threads;
use crate::operation::Operation;
use crate::place::Place;

cases! {
    Setup::wired() =>
    it_takes_the_title_and_marks_it,
    the_title_is_trimmed_unquoted_and_cut,
    nothing_left_is_nothing_to_name_it_after,
    a_thread_that_has_changed_is_not_renamed,
    a_message_is_no_change_of_the_thread,
    an_archived_thread_is_not_renamed,
}

fn suggestion(title: &str, version: i64) -> Suggestion {
    Suggestion {
        title: title.to_owned(),
        version,
    }
}

async fn it_takes_the_title_and_marks_it<DB: Threads>(db: &TestDb<DB>) {
    let place = Place::new(db).await;
    let target = place.target(Operation::AutoRenameThread).await;
    place.sql("update threads set updated_at = 6").await;
    let made = suggestion("Made for it", 1);
    let thread = auto_rename_thread(place.pool(), &place.user, &target.id, made).await;
    let thread = thread.expect("the thread");
    assert_eq!(json!(thread), place.dump().await.thread(&target.id));
    assert_eq!(thread.title.as_deref(), Some("Made for it"));
    assert!(thread.metadata.is_auto_renamed());
    assert_eq!((thread.version, thread.message_count), (2, 2));
    assert!(thread.updated_at > 6, "{thread:?}");
    assert_eq!(place.heard(), ["thread_renamed"]);
}

async fn the_title_is_trimmed_unquoted_and_cut<DB: Threads>(db: &TestDb<DB>) {
    let place = Place::new(db).await;
    let id = place.any_thread().await.id;
    let long = "語".repeat(60);
    for (version, made, stored) in [
        (1, "  Trip to Rome \n", "Trip to Rome"),
        (2, "\"Trip to Rome\"", "Trip to Rome"),
        (3, "“ 'Trip to Rome' ”", "Trip to Rome"),
        (4, &*long, &long[..150]),
        (5, &*format!("\"{long}\""), &long[..150]),
        (
            6,
            &*"word ".repeat(20),
            &*"word ".repeat(10).trim_end().to_owned(),
        ),
        (7, "one\ntwo\0three", "one two three"),
    ] {
        let thread =
            auto_rename_thread(place.pool(), &place.user, &id, suggestion(made, version)).await;
        assert_eq!(thread.expect("the thread").title.as_deref(), Some(stored));
        assert_eq!(place.dump().await.thread(&id)["title"], stored);
    }
}

async fn nothing_left_is_nothing_to_name_it_after<DB: Threads>(db: &TestDb<DB>) {
    let place = Place::new(db).await;
    let target = place.target(Operation::AutoRenameThread).await;
    let before = place.dump().await;
    for made in ["", "  \n", "\"\"", "' \" \" '"] {
        let error =
            auto_rename_thread(place.pool(), &place.user, &target.id, suggestion(made, 1)).await;
        let error = error.expect_err("no title");
        assert!(matches!(error, AppError::NothingToName), "{error:?}");
        place.assert_untouched(&before, "no title").await;
    }
}

async fn a_thread_that_has_changed_is_not_renamed<DB: Threads>(db: &TestDb<DB>) {
    let place = Place::new(db).await;
    let target = place.target(Operation::AutoRenameThread).await;
    let patch = Patch {
        title: Some("By hand".to_owned()),
        ..Patch::default()
    };
    let updated = update_thread(place.pool(), &place.user, &target.id, patch).await;
    assert_eq!(updated.expect("the thread").version, 2);
    let _ = place.events();
    let before = place.dump().await;
    for stale in [0, 1, 3] {
        let made = suggestion("Too late", stale);
        let error = auto_rename_thread(place.pool(), &place.user, &target.id, made).await;
        let AppError::VersionConflict { expected, found } = error.expect_err("a conflict") else {
            panic!("no conflict");
        };
        assert_eq!((expected, found), (stale, 2));
        place.assert_untouched(&before, "a conflict").await;
    }
}

async fn a_message_is_no_change_of_the_thread<DB: Threads>(db: &TestDb<DB>) {
    let place = Place::new(db).await;
    let target = place.target(Operation::AutoRenameThread).await;
    let message = NewMessage::user("By the way");
    let sent = send_message(place.pool(), &place.user, &target.id, message).await;
    sent.expect("the message");
    let made = suggestion("Still right", target.version);
    let thread = auto_rename_thread(place.pool(), &place.user, &target.id, made).await;
    assert_eq!(thread.expect("the thread").message_count, 3);
}

async fn an_archived_thread_is_not_renamed<DB: Threads>(db: &TestDb<DB>) {
    let place = Place::new(db).await;
    let target = place.target(Operation::AutoRenameThread).await;
    let archived = delete_thread(place.pool(), &place.user, &target.id).await;
    let version = archived.expect("the archived thread").version;
    let _ = place.events();
    let before = place.dump().await;
    let made = suggestion("Too late", version);
    let error = auto_rename_thread(place.pool(), &place.user, &target.id, made).await;
    let error = error.expect_err("archived");
    assert!(matches!(error, AppError::Archived), "{error:?}");
    place.assert_untouched(&before, "archived").await;
}
