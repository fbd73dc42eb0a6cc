//! Nothing is held while the generator thinks, and what happens meanwhile.

use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;
use serde_json::json;
use sqlx_transactional_tests::{Engine, Setup, TestDb, inspect};
use thread_handlers::AppError;
use thread_handlers::handlers::{
    auto_rename, delete_thread, list_threads, send_message, update_thread,
};
use thread_handlers::model::{NewMessage, Patch, Role, ThreadPage};

use super::{about, asks};
use crate::engine::Threads;
use crate::place::Place;

cases! {
    Setup::wired() =>
    there_are_three_phases,
    the_generator_can_use_the_database_itself,
    a_thread_that_changed_meanwhile_is_a_conflict,
    a_thread_that_was_archived_meanwhile_is_not_renamed,
    a_message_that_came_meanwhile_is_in_nobodys_way,
    a_generator_that_panics_holds_nothing,
    dropped_while_the_generator_thinks_it_holds_nothing,
}

async fn there_are_three_phases<DB: Threads>(db: &TestDb<DB>) {
    let place = Place::new(db).await;
    let id = about(&place, "How do savepoints work?").await;
    place.forget_sent().await;
    let generator = asks(|message| {
        let place = &place;
        async move {
            let left = inspect::left_behind(place.db).await;
            assert!(left.is_empty(), "while it thinks: {left:#?}");
            // The connection is the pool's again, there is only one.
            let sent = list_threads(place.pool(), &place.user, ThreadPage::default()).await;
            sent.expect("a list");
            Ok(format!("About: {message}"))
        }
        .boxed()
    });
    let thread = auto_rename::<DB, _>(place.pool(), &generator, &place.user, &id).await;
    let thread = thread.expect("the thread");
    let title = "About: How do savepoints work?";
    assert_eq!(thread.title.as_deref(), Some(title));
    assert_eq!(generator.asked(), 1);
    if db.engine() == Engine::Postgres {
        let phases = [
            &["BEGIN READ ONLY", "select", "select", "COMMIT"][..],
            &["BEGIN READ ONLY", "select", "COMMIT"],
            &["BEGIN", "select", "update", "select", "COMMIT"],
        ];
        assert_eq!(place.sent(), phases.concat());
    }
    let stored = place.dump().await;
    assert_eq!(json!(thread), stored.thread(&id));
    assert_eq!(
        stored.thread(&id)["metadata"],
        json!({"auto_renamed": true})
    );
    assert_eq!(place.heard(), ["thread_renamed"]);
    place.assert_ended("renamed").await;
}

/// Writing, too, in transactions of its own.
async fn the_generator_can_use_the_database_itself<DB: Threads>(db: &TestDb<DB>) {
    let place = Place::new(db).await;
    let id = about(&place, "Hello").await;
    let elsewhere = place.any_thread().await.id;
    let generator = asks(|_| {
        let (place, elsewhere) = (&place, elsewhere.as_str());
        async move {
            let message = NewMessage::user("A title was asked for");
            let sent = send_message(place.pool(), &place.user, elsewhere, message).await;
            Ok(format!("Number {}", sent.expect("the message").seq))
        }
        .boxed()
    });
    for number in 1..=3 {
        let thread = auto_rename::<DB, _>(place.pool(), &generator, &place.user, &id).await;
        let title = format!("Number {number}");
        assert_eq!(thread.expect("the thread").title, Some(title));
        assert_eq!(place.heard(), ["message_created", "thread_renamed"]);
    }
    place.assert_ended("renamed").await;
}

async fn a_thread_that_changed_meanwhile_is_a_conflict<DB: Threads>(db: &TestDb<DB>) {
    let place = Place::new(db).await;
    let id = about(&place, "Hello").await;
    let generator = asks(|_| {
        let (place, id) = (&place, id.as_str());
        async move {
            let patch = Patch {
                title: Some("By hand".to_owned()),
                ..Patch::default()
            };
            let updated = update_thread(place.pool(), &place.user, id, patch).await;
            updated.expect("the thread");
            Ok("Made".to_owned())
        }
        .boxed()
    });
    let error = auto_rename::<DB, _>(place.pool(), &generator, &place.user, &id).await;
    let AppError::VersionConflict { expected, found } = error.expect_err("a conflict") else {
        panic!("no conflict");
    };
    assert_eq!((expected, found), (1, 2));
    let thread = place.dump().await.thread(&id);
    assert_eq!(thread["title"], "By hand");
    assert_eq!(thread["metadata"], json!({}));
    assert_eq!(place.heard(), ["thread_updated"]);
    place.assert_ended("a conflict").await;
}

async fn a_thread_that_was_archived_meanwhile_is_not_renamed<DB: Threads>(db: &TestDb<DB>) {
    let place = Place::new(db).await;
    let id = about(&place, "Hello").await;
    let generator = asks(|_| {
        let (place, id) = (&place, id.as_str());
        async move {
            let archived = delete_thread(place.pool(), &place.user, id).await;
            archived.expect("the archived thread");
            Ok("Made".to_owned())
        }
        .boxed()
    });
    let error = auto_rename::<DB, _>(place.pool(), &generator, &place.user, &id).await;
    let error = error.expect_err("archived");
    assert!(matches!(error, AppError::Archived), "{error:?}");
    assert_eq!(place.dump().await.thread(&id)["title"], json!(null));
    assert_eq!(place.heard(), ["thread_archived"]);
    // And once it is, nobody is asked any more.
    let again = auto_rename::<DB, _>(place.pool(), &generator, &place.user, &id).await;
    assert!(matches!(again, Err(AppError::Archived)), "{again:?}");
    assert_eq!(generator.asked(), 1);
    place.assert_ended("archived").await;
}

async fn a_message_that_came_meanwhile_is_in_nobodys_way<DB: Threads>(db: &TestDb<DB>) {
    let place = Place::new(db).await;
    let id = about(&place, "Hello").await;
    let generator = asks(|_| {
        let (place, id) = (&place, id.as_str());
        async move {
            place.message(id, Role::Assistant, "Good day").await;
            Ok("Greetings".to_owned())
        }
        .boxed()
    });
    let thread = auto_rename::<DB, _>(place.pool(), &generator, &place.user, &id).await;
    let thread = thread.expect("the thread");
    assert_eq!(thread.title.as_deref(), Some("Greetings"));
    assert_eq!(thread.message_count, 2);
}

async fn a_generator_that_panics_holds_nothing<DB: Threads>(db: &TestDb<DB>) {
    let place = Place::new(db).await;
    let id = about(&place, "Hello").await;
    let before = place.dump().await;
    let generator = asks(|_| async { std::panic::resume_unwind(Box::new("its own")) }.boxed());
    let call = auto_rename::<DB, _>(place.pool(), &generator, &place.user, &id);
    let panic = AssertUnwindSafe(call).catch_unwind().await;
    let panic = panic.expect_err("the panic");
    assert_eq!(panic.downcast_ref(), Some(&"its own"));
    place.assert_untouched(&before, "a panic").await;
}

async fn dropped_while_the_generator_thinks_it_holds_nothing<DB: Threads>(db: &TestDb<DB>) {
    let place = Place::new(db).await;
    let id = about(&place, "Hello").await;
    let before = place.dump().await;
    let thinking = tokio::sync::Notify::new();
    let generator = asks(|_| {
        thinking.notify_one();
        std::future::pending().boxed()
    });
    tokio::select! {
        _ = auto_rename::<DB, _>(place.pool(), &generator, &place.user, &id) => {
            panic!("its generator has not answered")
        }
        () = thinking.notified() => {
            place.assert_untouched(&before, "while it thinks").await;
        }
    }
    place.assert_untouched(&before, "dropped").await;
}
