//! A part of the caller's transaction that can fail by itself.

use sqlx_transactional::{Tx, transaction};
use sqlx_transactional_tests::{Setup, TestDb};
use thread_handlers::AppError;
use thread_handlers::handlers::{delete_thread, get_thread, send_message, update_thread};
use thread_handlers::model::{NewMessage, Patch};

use crate::engine::Threads;
use crate::operation::Operation;
use crate::place::Place;

cases! {
    Setup::wired() =>
    what_fails_in_a_savepoint_is_undone_alone,
    a_savepoint_that_is_kept_keeps_its_events_in_order,
}

async fn what_fails_in_a_savepoint_is_undone_alone<DB: Threads>(db: &TestDb<DB>) {
    let place = Place::new(db).await;
    for operation in Operation::WRITING {
        let context = format!("{operation:?}");
        let kept = place.target(Operation::UpdateThread).await;
        let undone = place.target(operation).await;
        let before = place.dump().await;
        let call = transaction(place.pool(), async |tx: &mut Tx<'_, DB>| {
            let user = &place.user;
            let update = Operation::UpdateThread;
            update.run(&mut *tx, user, &kept).await?;
            let tried = tx.savepoint(async |tx| {
                operation.run(&mut *tx, user, &undone).await?;
                get_thread(tx, user, "thread_unknown").await
            });
            let error = tried.await.expect_err("a thread that is not there");
            assert!(matches!(error, AppError::NotFound), "{context}: {error:?}");
            get_thread(tx, user, &kept.id).await
        });
        let thread = call.await.unwrap_or_else(|e| panic!("{context}: {e:?}"));
        assert_eq!(thread.title.as_deref(), Some("Updated"));
        let after = place.dump().await;
        let update = Operation::UpdateThread;
        assert!(update.was_done(&kept, &before, &after), "{context}");
        assert_eq!(place.heard(), ["thread_updated"], "{context}");
        place.assert_ended(&context).await;
    }
}

async fn a_savepoint_that_is_kept_keeps_its_events_in_order<DB: Threads>(db: &TestDb<DB>) {
    let place = Place::new(db).await;
    let target = place.target(Operation::SendMessage).await;
    let call = transaction(place.pool(), async |tx: &mut Tx<'_, DB>| {
        let (user, id) = (&place.user, target.id.as_str());
        update_thread(&mut *tx, user, id, Patch::default()).await?;
        let inner = tx.savepoint(async |tx| {
            send_message(&mut *tx, user, id, NewMessage::user("Inside")).await?;
            let lost = tx.savepoint(async |tx| {
                send_message(&mut *tx, user, id, NewMessage::user("Lost")).await?;
                Err::<(), _>(AppError::NothingToName)
            });
            lost.await.expect_err("the body's own error");
            send_message(tx, user, id, NewMessage::user("Inside too")).await
        });
        inner.await?;
        assert_eq!(place.heard(), [""; 0], "before COMMIT");
        delete_thread(tx, user, id).await
    });
    call.await.expect("the archived thread");
    let expected = [
        "thread_updated",
        "message_created",
        "message_created",
        "thread_archived",
    ];
    assert_eq!(place.heard(), expected);
    let stored = place.dump().await;
    assert_eq!(stored.seqs(&target.id), [1, 2, 3, 4]);
    let said: Vec<_> = stored.messages(&target.id)[2..]
        .iter()
        .map(|message| message["content"].clone())
        .collect();
    assert_eq!(said, ["Inside", "Inside too"]);
}
