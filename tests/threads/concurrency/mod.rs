//! Operations on the same thread at the same time.

mod locks;

use futures_util::future::join_all;
use serde_json::json;
use sqlx_transactional_tests::{Setup, TestDb};
use thread_handlers::AppError;
use thread_handlers::handlers::{auto_rename_thread, delete_thread, send_message, update_thread};
use thread_handlers::model::{NewMessage, Patch, Suggestion};

use crate::engine::Threads;
use crate::operation::{Operation, object};
use crate::place::Place;

cases! {
    Setup::wired().connections(4) =>
    update_against_update_loses_no_write,
    of_updates_of_the_same_version_one_wins,
    of_renames_of_the_same_version_one_wins,
    rename_against_update_loses_no_write,
    places_are_dense_whoever_sends,
    send_against_delete_leaves_no_message_behind,
    deletes_at_once_archive_once,
}

const TASKS: usize = 8;

/// Runs so many tasks at once, each on its own, and gives what they answer.
async fn at_once<T: Send + 'static, F>(make: impl Fn(usize) -> F) -> Vec<T>
where
    F: Future<Output = T> + Send + 'static,
{
    let tasks = (0..TASKS).map(|number| tokio::spawn(make(number)));
    let answers = join_all(tasks.collect::<Vec<_>>()).await;
    let answers = answers.into_iter();
    answers.map(|answer| answer.expect("no panic")).collect()
}

async fn update_against_update_loses_no_write<DB: Threads>(db: &TestDb<DB>) {
    let place = Place::new(db).await;
    let target = place.target(Operation::UpdateThread).await;
    let answers = at_once(|number| {
        let (pool, user, id) = (db.pool.clone(), place.user.clone(), target.id.clone());
        async move {
            let patch = Patch {
                metadata: object(json!({ format!("key_{number}"): number })),
                ..Patch::default()
            };
            update_thread(&pool, &user, &id, patch).await
        }
    });
    let mut versions: Vec<i64> = answers
        .await
        .into_iter()
        .map(|answer| answer.expect("the thread").version)
        .collect();
    versions.sort_unstable();
    assert_eq!(versions, [2, 3, 4, 5, 6, 7, 8, 9]);
    let thread = place.dump().await.thread(&target.id);
    for number in 0..TASKS {
        assert_eq!(thread["metadata"][format!("key_{number}")], number);
    }
    assert_eq!(thread["metadata"]["kept"], json!([1, "zwei", null]));
    assert_eq!(thread["version"], 9);
    assert_eq!(place.heard(), ["thread_updated"; TASKS]);
    place.assert_ended("updates").await;
}

/// Asserts that one answer is a success and each other one a conflict with it,
/// and gives the number of the one.
fn winner<T>(answers: &[Result<T, AppError>]) -> usize {
    let winners: Vec<usize> = (0..TASKS).filter(|&i| answers[i].is_ok()).collect();
    assert_eq!(winners.len(), 1, "{winners:?}");
    for answer in answers {
        if let Err(error) = answer {
            assert!(
                matches!(
                    error,
                    AppError::VersionConflict {
                        expected: 1,
                        found: 2
                    }
                ),
                "{error:?}"
            );
        }
    }
    winners[0]
}

async fn of_updates_of_the_same_version_one_wins<DB: Threads>(db: &TestDb<DB>) {
    let place = Place::new(db).await;
    let target = place.target(Operation::UpdateThread).await;
    let answers = at_once(|number| {
        let (pool, user, id) = (db.pool.clone(), place.user.clone(), target.id.clone());
        async move {
            let patch = Patch {
                title: Some(format!("From {number}")),
                expected_version: Some(1),
                ..Patch::default()
            };
            update_thread(&pool, &user, &id, patch).await
        }
    });
    let winner = winner(&answers.await);
    let thread = place.dump().await.thread(&target.id);
    assert_eq!(thread["title"], format!("From {winner}"));
    assert_eq!(thread["version"], 2);
    assert_eq!(place.heard(), ["thread_updated"]);
    place.assert_ended("updates").await;
}

async fn of_renames_of_the_same_version_one_wins<DB: Threads>(db: &TestDb<DB>) {
    let place = Place::new(db).await;
    let target = place.target(Operation::AutoRenameThread).await;
    let answers = at_once(|number| {
        let (pool, user, id) = (db.pool.clone(), place.user.clone(), target.id.clone());
        async move {
            let suggestion = Suggestion {
                title: format!("From {number}"),
                version: 1,
            };
            auto_rename_thread(&pool, &user, &id, suggestion).await
        }
    });
    let winner = winner(&answers.await);
    let thread = place.dump().await.thread(&target.id);
    assert_eq!(thread["title"], format!("From {winner}"));
    assert_eq!(thread["version"], 2);
    assert_eq!(place.heard(), ["thread_renamed"]);
    place.assert_ended("renames").await;
}

/// Either the rename is first, and then the update keeps its title and its mark;
/// or it is not, and then it is a conflict.
async fn rename_against_update_loses_no_write<DB: Threads>(db: &TestDb<DB>) {
    let place = Place::new(db).await;
    for round in 0..10 {
        let target = place.target(Operation::AutoRenameThread).await;
        let (pool, user, id) = (db.pool.clone(), place.user.clone(), target.id.clone());
        let rename = tokio::spawn(async move {
            let suggestion = Suggestion {
                title: "Made".to_owned(),
                version: 1,
            };
            auto_rename_thread(&pool, &user, &id, suggestion).await
        });
        let (pool, user, id) = (db.pool.clone(), place.user.clone(), target.id.clone());
        let update = tokio::spawn(async move {
            let patch = Patch {
                metadata: object(json!({"mine": round})),
                ..Patch::default()
            };
            update_thread(&pool, &user, &id, patch).await
        });
        let (renamed, updated) = (rename.await, update.await);
        let updated = updated.expect("no panic").expect("the thread");
        let renamed = renamed.expect("no panic");
        let thread = place.dump().await.thread(&target.id);
        assert_eq!(thread["metadata"]["mine"], round);
        let mut heard = place.heard();
        heard.sort_unstable();
        match renamed {
            Ok(renamed) => {
                assert_eq!((renamed.version, updated.version), (2, 3));
                assert_eq!(thread["title"], "Made");
                assert_eq!(thread["metadata"]["auto_renamed"], true);
                assert_eq!(heard, ["thread_renamed", "thread_updated"]);
            }
            Err(AppError::VersionConflict { found: 2, .. }) => {
                assert_eq!(updated.version, 2);
                assert_eq!(thread["title"], "Before");
                assert_eq!(thread["metadata"]["auto_renamed"], json!(null));
                assert_eq!(heard, ["thread_updated"]);
            }
            Err(other) => panic!("{other:?}"),
        }
    }
    place.assert_ended("renames and updates").await;
}

async fn places_are_dense_whoever_sends<DB: Threads>(db: &TestDb<DB>) {
    const EACH: usize = 5;
    let place = Place::new(db).await;
    let id = place.any_thread().await.id;
    let answers = at_once(|number| {
        let (pool, user, id) = (db.pool.clone(), place.user.clone(), id.clone());
        async move {
            let mut sent = Vec::new();
            for message in 0..EACH {
                let message = NewMessage::user(format!("{number}: {message}"));
                sent.push(send_message(&pool, &user, &id, message).await);
            }
            sent
        }
    });
    let answers = answers.await;
    let stored = place.dump().await;
    let expected: Vec<i64> = (1..).take(TASKS * EACH).collect();
    assert_eq!(stored.seqs(&id), expected);
    for sent in answers {
        let sent: Vec<_> = sent.into_iter().map(|m| m.expect("the message")).collect();
        assert!(sent.is_sorted_by_key(|message| message.seq));
        for message in sent {
            assert_eq!(stored.message(&message.id), json!(message));
        }
    }
    assert_eq!(place.heard(), ["message_created"; TASKS * EACH]);
    place.assert_ended("messages").await;
}

/// A message is stored and counted, or refused; never stored in a thread that
/// was archived before.
async fn send_against_delete_leaves_no_message_behind<DB: Threads>(db: &TestDb<DB>) {
    let place = Place::new(db).await;
    for _ in 0..5 {
        let id = place.any_thread().await.id;
        let answers = at_once(|number| {
            let (pool, user, id) = (db.pool.clone(), place.user.clone(), id.clone());
            async move {
                if number == TASKS / 2 {
                    let archived = delete_thread(&pool, &user, &id).await;
                    return archived.map(|thread| thread.message_count);
                }
                let message = NewMessage::user("In time?");
                let sent = send_message(&pool, &user, &id, message).await;
                sent.map(|message| message.seq)
            }
        });
        let mut answers = answers.await;
        let counted = answers.remove(TASKS / 2).expect("the archived thread");
        let mut seqs = Vec::new();
        for answer in answers {
            match answer {
                Ok(seq) => seqs.push(seq),
                Err(error) => assert!(matches!(error, AppError::Archived), "{error:?}"),
            }
        }
        seqs.sort_unstable();
        let stored = place.dump().await;
        assert_eq!(stored.seqs(&id), seqs);
        assert_eq!(seqs, (1..=counted).collect::<Vec<_>>());
        assert_eq!(stored.thread(&id)["status"], "archived");
        // Events leave after COMMIT, each on its own, so their order between
        // operations is not said.
        let mut heard = place.heard();
        heard.sort_unstable();
        let mut expected = vec!["message_created"; seqs.len()];
        expected.push("thread_archived");
        assert_eq!(heard, expected);
    }
    place.assert_ended("messages and an end").await;
}

async fn deletes_at_once_archive_once<DB: Threads>(db: &TestDb<DB>) {
    let place = Place::new(db).await;
    let target = place.target(Operation::DeleteThread).await;
    let answers = at_once(|_| {
        let (pool, user, id) = (db.pool.clone(), place.user.clone(), target.id.clone());
        async move { delete_thread(&pool, &user, &id).await }
    });
    let answers = answers.await;
    let stored = place.dump().await.thread(&target.id);
    for answer in answers {
        assert_eq!(json!(answer.expect("the archived thread")), stored);
    }
    assert_eq!(stored["version"], 2);
    assert_eq!(place.heard(), ["thread_archived"]);
    place.assert_ended("deletes").await;
}
