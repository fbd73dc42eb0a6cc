//! 1. The user's threads, newest first, with their message counts.

use sqlx_transactional_tests::{Engine, Setup, TestDb};
use thread_handlers::AppError;
use thread_handlers::faults::Faults;
use thread_handlers::handlers::list_threads;
use thread_handlers::model::{Invalid, Page, Role, ThreadList, ThreadPage};

use crate::engine::Threads;
use crate::operation::Operation;
use crate::place::Place;

cases! {
    Setup::wired() =>
    newest_first_with_their_counts,
    threads_of_the_same_moment_are_ordered_by_id,
    only_the_users_own,
    archived_ones_only_when_asked_for,
    pages_put_together_are_the_list,
    twenty_unless_said_otherwise,
    limits_outside_1_to_100_are_refused,
    one_statement_whatever_there_is,
}

fn page(limit: impl Into<Option<i64>>, offset: i64) -> ThreadPage {
    ThreadPage {
        page: Page {
            limit: limit.into(),
            offset,
        },
        include_archived: false,
    }
}

async fn list<DB: Threads>(place: &Place<'_, DB>, page: ThreadPage) -> ThreadList {
    list_threads(place.pool(), &place.user, page)
        .await
        .expect("a list")
}

fn ids(list: &ThreadList) -> Vec<&str> {
    list.threads
        .iter()
        .map(|thread| thread.id.as_str())
        .collect()
}

/// Makes so many threads, each created a second after the one before it.
async fn threads<DB: Threads>(place: &Place<'_, DB>, count: usize) -> Vec<String> {
    let mut ids = Vec::new();
    for second in 1..=count {
        let thread = place.any_thread().await;
        let sql = format!(
            "update threads set created_at = {second}000000 where id = '{}'",
            thread.id
        );
        place.sql(&sql).await;
        ids.push(thread.id);
    }
    ids
}

async fn newest_first_with_their_counts<DB: Threads>(db: &TestDb<DB>) {
    let place = Place::new(db).await;
    let made = threads(&place, 3).await;
    // The last to have changed is not the newest.
    for _ in 0..2 {
        place.message(&made[0], Role::User, "More").await;
    }
    place.message(&made[2], Role::System, "More").await;
    let list = list(&place, ThreadPage::default()).await;
    assert_eq!(ids(&list), [&*made[2], &*made[1], &*made[0]]);
    let counts: Vec<i64> = list.threads.iter().map(|t| t.message_count).collect();
    assert_eq!(counts, [1, 0, 2]);
    assert_eq!(list.total, 3);
    let stored = place.dump().await;
    for thread in &list.threads {
        assert_eq!(serde_json::json!(thread), stored.thread(&thread.id));
    }
    place.assert_untouched(&stored, "a list").await;
}

async fn threads_of_the_same_moment_are_ordered_by_id<DB: Threads>(db: &TestDb<DB>) {
    let place = Place::new(db).await;
    let mut made = threads(&place, 6).await;
    place.sql("update threads set created_at = 7").await;
    made.sort_unstable_by(|a, b| b.cmp(a));
    assert_eq!(ids(&list(&place, page(None, 0)).await), made);
    let mut paged = Vec::new();
    for offset in 0..6 {
        let one = list(&place, page(1, offset)).await;
        paged.extend(one.threads.into_iter().map(|thread| thread.id));
    }
    assert_eq!(paged, made);
}

async fn only_the_users_own<DB: Threads>(db: &TestDb<DB>) {
    let place = Place::new(db).await;
    let made = threads(&place, 2).await;
    place
        .sql(&format!(
            "update threads set owner = 'boris' where id = '{}'",
            made[0]
        ))
        .await;
    let own = list(&place, ThreadPage::default()).await;
    assert_eq!((ids(&own), own.total), (vec![&*made[1]], 1));
    let nobody = place.other("nobody");
    let none = list_threads(place.pool(), &nobody, ThreadPage::default()).await;
    let none = none.expect("an empty list");
    assert_eq!((ids(&none), none.total), (vec![], 0));
}

async fn archived_ones_only_when_asked_for<DB: Threads>(db: &TestDb<DB>) {
    let place = Place::new(db).await;
    let made = threads(&place, 3).await;
    let archive = format!(
        "update threads set status = 'archived', archived_at = 9 where id = '{}'",
        made[1]
    );
    place.sql(&archive).await;
    let active = list(&place, ThreadPage::default()).await;
    assert_eq!(ids(&active), [&*made[2], &*made[0]]);
    assert_eq!(active.total, 2);
    let all = ThreadPage {
        include_archived: true,
        ..ThreadPage::default()
    };
    let all = list(&place, all).await;
    assert_eq!(ids(&all), [&*made[2], &*made[1], &*made[0]]);
    assert_eq!((all.total, all.threads[1].archived_at), (3, Some(9)));
}

async fn pages_put_together_are_the_list<DB: Threads>(db: &TestDb<DB>) {
    let place = Place::new(db).await;
    let mut made = threads(&place, 5).await;
    made.reverse();
    for (offset, expected) in [(0, &made[0..2]), (2, &made[2..4]), (4, &made[4..5])] {
        let list = list(&place, page(2, offset)).await;
        assert_eq!(ids(&list), expected);
        assert_eq!(list.total, 5);
    }
    for offset in [5, 6, i64::MAX] {
        let past = list(&place, page(2, offset)).await;
        assert_eq!((ids(&past), past.total), (vec![], 5));
    }
}

async fn twenty_unless_said_otherwise<DB: Threads>(db: &TestDb<DB>) {
    let place = Place::new(db).await;
    threads(&place, 21).await;
    let list = list(&place, ThreadPage::default()).await;
    assert_eq!((list.threads.len(), list.total), (20, 21));
}

async fn limits_outside_1_to_100_are_refused<DB: Threads>(db: &TestDb<DB>) {
    let place = Place::new(db).await;
    threads(&place, 2).await;
    let before = place.dump().await;
    place.forget_sent().await;
    for found in [i64::MIN, -1, 0, 101, i64::MAX] {
        let error = list_threads(place.pool(), &place.user, page(found, 0)).await;
        let error = error.expect_err("a limit that is none");
        assert!(
            matches!(&error, AppError::Invalid(Invalid::Limit { found: f }) if *f == found),
            "{error:?}"
        );
    }
    let error = list_threads(place.pool(), &place.user, page(1, -1)).await;
    let error = error.expect_err("a negative offset");
    assert!(matches!(
        error,
        AppError::Invalid(Invalid::Offset { found: -1 })
    ));
    assert_eq!(place.sent(), [""; 0]);
    for (limit, rows) in [(1, 1), (2, 2), (100, 2)] {
        assert_eq!(list(&place, page(limit, 0)).await.threads.len(), rows);
    }
    place.assert_untouched(&before, "limits").await;
}

async fn one_statement_whatever_there_is<DB: Threads>(db: &TestDb<DB>) {
    let place = Place::new(db).await;
    for threads in [0, 1, 12] {
        for _ in 0..threads {
            place.target(Operation::ListThreads).await;
        }
        place.forget_sent().await;
        let faults = Faults::none();
        let list = faults.run(list(&place, page(100, 0))).await;
        assert!(list.threads.iter().all(|thread| thread.message_count == 2));
        assert_eq!(faults.seen(), 1);
        if db.engine() == Engine::Postgres {
            assert_eq!(place.sent(), ["BEGIN READ ONLY", "select", "COMMIT"]);
        }
    }
}
