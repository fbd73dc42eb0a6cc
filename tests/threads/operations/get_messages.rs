//! 6. A thread's messages, oldest first.

use serde_json::json;
use sqlx_transactional_tests::{Engine, Setup, TestDb};
use thread_handlers::AppError;
use thread_handlers::handlers::{delete_thread, get_messages};
use thread_handlers::model::{Invalid, MessageList, Page, Role};

use crate::engine::Threads;
use crate::operation::Operation;
use crate::place::Place;

cases! {
    Setup::wired() =>
    by_their_place_whatever_the_clock_said,
    pages_put_together_are_the_thread,
    fifty_unless_said_otherwise,
    limits_outside_1_to_100_are_refused,
    an_archived_thread_can_be_read,
    page_and_total_are_one_statement,
}

async fn messages<DB: Threads>(place: &Place<'_, DB>, id: &str, page: Page) -> MessageList {
    get_messages(place.pool(), &place.user, id, page)
        .await
        .expect("messages")
}

fn page(limit: i64, offset: i64) -> Page {
    Page {
        limit: Some(limit),
        offset,
    }
}

fn seqs(list: &MessageList) -> Vec<i64> {
    list.messages.iter().map(|message| message.seq).collect()
}

async fn say<DB: Threads>(place: &Place<'_, DB>, id: &str, count: usize) {
    for number in 1..=count {
        place
            .message(id, Role::User, &format!("Number {number}"))
            .await;
    }
}

async fn by_their_place_whatever_the_clock_said<DB: Threads>(db: &TestDb<DB>) {
    let place = Place::new(db).await;
    let (id, other) = (place.any_thread().await.id, place.any_thread().await.id);
    say(&place, &id, 5).await;
    say(&place, &other, 2).await;
    // As if each had come from a machine of its own.
    place
        .sql("update messages set created_at = 100 - seq")
        .await;
    let stored = place.dump().await;
    let list = messages(&place, &id, Page::default()).await;
    assert_eq!(seqs(&list), [1, 2, 3, 4, 5]);
    assert_eq!(list.total, 5);
    assert_eq!(json!(list.messages), json!(stored.messages(&id)));
    place.assert_untouched(&stored, "a look").await;
}

async fn pages_put_together_are_the_thread<DB: Threads>(db: &TestDb<DB>) {
    let place = Place::new(db).await;
    let id = place.any_thread().await.id;
    let none = messages(&place, &id, Page::default()).await;
    assert_eq!((seqs(&none), none.total), (vec![], 0));
    say(&place, &id, 5).await;
    for (offset, expected) in [(0, &[1, 2][..]), (2, &[3, 4]), (4, &[5])] {
        let list = messages(&place, &id, page(2, offset)).await;
        assert_eq!((&*seqs(&list), list.total), (expected, 5));
    }
    for offset in [5, 6, i64::MAX] {
        let past = messages(&place, &id, page(2, offset)).await;
        assert_eq!((seqs(&past), past.total), (vec![], 5));
    }
}

async fn fifty_unless_said_otherwise<DB: Threads>(db: &TestDb<DB>) {
    let place = Place::new(db).await;
    let id = place.any_thread().await.id;
    say(&place, &id, 51).await;
    let list = messages(&place, &id, Page::default()).await;
    assert_eq!((list.messages.len(), list.total), (50, 51));
    assert_eq!(messages(&place, &id, page(100, 0)).await.messages.len(), 51);
}

async fn limits_outside_1_to_100_are_refused<DB: Threads>(db: &TestDb<DB>) {
    let place = Place::new(db).await;
    let id = place.any_thread().await.id;
    say(&place, &id, 2).await;
    let before = place.dump().await;
    place.forget_sent().await;
    for found in [i64::MIN, -1, 0, 101, i64::MAX] {
        let error = get_messages(place.pool(), &place.user, &id, page(found, 0)).await;
        let error = error.expect_err("a limit that is none");
        assert!(
            matches!(&error, AppError::Invalid(Invalid::Limit { found: f }) if *f == found),
            "{error:?}"
        );
    }
    let error = get_messages(place.pool(), &place.user, &id, page(1, -1)).await;
    let error = error.expect_err("a negative offset");
    assert!(matches!(
        error,
        AppError::Invalid(Invalid::Offset { found: -1 })
    ));
    assert_eq!(place.sent(), [""; 0]);
    assert_eq!(seqs(&messages(&place, &id, page(1, 0)).await), [1]);
    place.assert_untouched(&before, "limits").await;
}

async fn an_archived_thread_can_be_read<DB: Threads>(db: &TestDb<DB>) {
    let place = Place::new(db).await;
    let target = place.target(Operation::GetMessages).await;
    let archived = delete_thread(place.pool(), &place.user, &target.id).await;
    archived.expect("the archived thread");
    let list = messages(&place, &target.id, Page::default()).await;
    assert_eq!(seqs(&list), [1, 2]);
}

/// Read by two statements, they could differ: a transaction that only reads
/// takes a new snapshot for each statement on `PostgreSQL`.
async fn page_and_total_are_one_statement<DB: Threads>(db: &TestDb<DB>) {
    let place = Place::new(db).await;
    let target = place.target(Operation::GetMessages).await;
    place.forget_sent().await;
    messages(&place, &target.id, page(1, 0)).await;
    if db.engine() == Engine::Postgres {
        let sent = db.wire().take_statements();
        let of_messages = sent.iter().filter(|sql| {
            let from = sql.rsplit_once("left join").map_or("", |(_, rest)| rest);
            from.contains("from messages")
        });
        assert_eq!(of_messages.count(), 1, "{sent:#?}");
        assert_eq!(sent.len(), 4, "{sent:#?}");
    }
}
