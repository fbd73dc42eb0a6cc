//! 3. A thread with its message count.

use serde_json::json;
use sqlx_transactional_tests::{Setup, TestDb};
use thread_handlers::handlers::{delete_thread, get_thread};
use thread_handlers::model::{Role, Status};

use crate::engine::Threads;
use crate::operation::Operation;
use crate::place::Place;

cases! {
    Setup::wired() =>
    it_is_what_is_stored,
    the_count_is_of_this_threads_messages,
    an_archived_thread_can_be_read,
}

async fn it_is_what_is_stored<DB: Threads>(db: &TestDb<DB>) {
    let place = Place::new(db).await;
    let target = place.target(Operation::GetThread).await;
    let stored = place.dump().await;
    let thread = get_thread(place.pool(), &place.user, &target.id).await;
    assert_eq!(
        json!(thread.expect("the thread")),
        stored.thread(&target.id)
    );
    place.assert_untouched(&stored, "a look").await;
}

async fn the_count_is_of_this_threads_messages<DB: Threads>(db: &TestDb<DB>) {
    let place = Place::new(db).await;
    let (one, other) = (place.any_thread().await, place.any_thread().await);
    for count in 0..4 {
        let thread = get_thread(place.pool(), &place.user, &one.id).await;
        assert_eq!(thread.expect("the thread").message_count, count);
        place.message(&one.id, Role::Assistant, "One more").await;
        place.message(&other.id, Role::User, "Elsewhere").await;
    }
}

async fn an_archived_thread_can_be_read<DB: Threads>(db: &TestDb<DB>) {
    let place = Place::new(db).await;
    let target = place.target(Operation::GetThread).await;
    let archived = delete_thread(place.pool(), &place.user, &target.id).await;
    let archived = archived.expect("the archived thread");
    let read = get_thread(place.pool(), &place.user, &target.id).await;
    let read = read.expect("the thread");
    assert_eq!(read, archived);
    assert_eq!((read.status, read.message_count), (Status::Archived, 2));
}
