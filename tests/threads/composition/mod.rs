//! Operations put together in one transaction of the caller's.

mod places;
mod savepoints;

use sqlx_transactional::{Error as TxError, Tx, transaction, transactional};
use sqlx_transactional_tests::{Action, Engine, Point, Setup, TestDb};
use thread_handlers::events::Event;
use thread_handlers::handlers::{
    create_thread, delete_thread, get_messages, get_thread, list_threads, send_message,
    update_thread,
};
use thread_handlers::model::{Message, NewMessage, NewThread, Page, Patch, ThreadPage};
use thread_handlers::{AppError, Caller};

use crate::engine::Threads;
use crate::operation::{Operation, Target};
use crate::place::Place;

cases! {
    Setup::wired() =>
    two_operations_share_one_transaction,
    any_two_are_undone_together,
    any_two_are_kept_together,
    events_leave_in_order_and_after_commit_only,
    readers_inside_see_what_was_written,
    an_error_that_is_answered_for_by_the_caller_dooms_it_all,
}

/// A function of an application over two of the operations.
#[transactional]
async fn start<DB: Threads>(
    tx: &mut Tx<'_, DB>,
    user: &Caller,
    text: &str,
) -> Result<Message, AppError> {
    let thread = create_thread(&mut *tx, user, NewThread::default()).await?;
    send_message(tx, user, &thread.id, NewMessage::user(text)).await
}

async fn two_operations_share_one_transaction<DB: Threads>(db: &TestDb<DB>) {
    let place = Place::new(db).await;
    place.forget_sent().await;
    let message = start(place.pool(), &place.user, "Hello").await;
    let message = message.expect("the message");
    if db.engine() == Engine::Postgres {
        let sent = place.sent();
        let control = ["BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE"];
        let control: Vec<&String> = sent
            .iter()
            .filter(|sql| control.contains(&sql.as_str()))
            .collect();
        assert_eq!(control, ["BEGIN", "COMMIT"], "{sent:?}");
    }
    let stored = place.dump().await;
    assert_eq!(stored.seqs(&message.thread_id), [1]);
    assert_eq!(place.heard(), ["thread_created", "message_created"]);
    // The second one's refusal undoes the first.
    let error = start(place.pool(), &place.user, "").await;
    assert!(matches!(error, Err(AppError::Invalid(_))), "{error:?}");
    place.assert_untouched(&stored, "refused").await;
}

/// Runs both on targets of their own, in one transaction.
async fn both<DB: Threads>(
    place: &Place<'_, DB>,
    operations: [(Operation, &Target); 2],
    end: Result<(), AppError>,
) -> Result<(), AppError> {
    let call = transaction(place.pool(), async |tx: &mut Tx<'_, DB>| {
        for (operation, target) in operations {
            operation.run(&mut *tx, &place.user, target).await?;
        }
        end
    });
    call.await
}

async fn any_two_are_undone_together<DB: Threads>(db: &TestDb<DB>) {
    let place = Place::new(db).await;
    for first in Operation::ALL {
        for second in Operation::ALL {
            let context = format!("{first:?}, {second:?}");
            let (one, other) = (place.target(first).await, place.target(second).await);
            let before = place.dump().await;
            let fails = Err(AppError::NothingToName);
            let error = both(&place, [(first, &one), (second, &other)], fails).await;
            assert!(matches!(error, Err(AppError::NothingToName)), "{context}");
            place.assert_untouched(&before, &context).await;
        }
    }
}

async fn any_two_are_kept_together<DB: Threads>(db: &TestDb<DB>) {
    let place = Place::new(db).await;
    for first in Operation::WRITING {
        for second in Operation::WRITING {
            let context = format!("{first:?}, {second:?}");
            let (one, other) = (place.target(first).await, place.target(second).await);
            let before = place.dump().await;
            let kept = both(&place, [(first, &one), (second, &other)], Ok(())).await;
            kept.unwrap_or_else(|error| panic!("{context}: {error:?}"));
            let after = place.dump().await;
            let grown = [first, second].map(|operation| {
                usize::from(matches!(
                    operation,
                    Operation::CreateThread | Operation::SendMessage
                ))
            });
            assert_eq!(after.len(), before.len() + grown[0] + grown[1], "{context}");
            for target in [&one, &other] {
                assert_ne!(
                    before.rows().get(&("threads".into(), target.id.clone())),
                    after.rows().get(&("threads".into(), target.id.clone())),
                    "{context}"
                );
            }
            let events = [first.events(), second.events()].concat();
            assert_eq!(place.heard(), events, "{context}");
            place.assert_ended(&context).await;
        }
    }
}

async fn events_leave_in_order_and_after_commit_only<DB: Threads>(db: &TestDb<DB>) {
    let place = Place::new(db).await;
    let call = transaction(place.pool(), async |tx: &mut Tx<'_, DB>| {
        let user = &place.user;
        let thread = create_thread(&mut *tx, user, NewThread::default()).await?;
        for text in ["One", "Two"] {
            send_message(&mut *tx, user, &thread.id, NewMessage::user(text)).await?;
        }
        update_thread(&mut *tx, user, &thread.id, Patch::default()).await?;
        delete_thread(&mut *tx, user, &thread.id).await?;
        delete_thread(&mut *tx, user, &thread.id).await?;
        assert_eq!(place.heard(), [""; 0], "before COMMIT");
        Ok::<_, AppError>(thread.id)
    });
    let expected = [
        "thread_created",
        "message_created",
        "message_created",
        "thread_updated",
        "thread_archived",
    ];
    let id = if let Some(wire) = &db.wire {
        wire.arm(Point::command("COMMIT"), Action::Hold);
        let mut call = Box::pin(call);
        tokio::select! {
            _ = &mut call => panic!("its COMMIT is held"),
            () = wire.wait_until_held() => {}
        }
        assert_eq!(place.heard(), [""; 0], "COMMIT is not there yet");
        wire.release();
        call.await
    } else {
        call.await
    };
    let id = id.expect("the thread");
    let events = place.events();
    let names: Vec<&str> = events.iter().map(Event::name).collect();
    assert_eq!(names, expected);
    assert!(events.iter().all(|event| event.thread_id() == id));
    let seqs = events.iter().filter_map(|event| match event {
        Event::MessageCreated { message } => Some(message.seq),
        _ => None,
    });
    assert_eq!(seqs.collect::<Vec<_>>(), [1, 2]);
}

async fn readers_inside_see_what_was_written<DB: Threads>(db: &TestDb<DB>) {
    let place = Place::new(db).await;
    let before = place.dump().await;
    let call = transaction(place.pool(), async |tx: &mut Tx<'_, DB>| {
        let user = &place.user;
        let message = start(&mut *tx, user, "Hello").await?;
        let id = message.thread_id.as_str();
        let list = list_threads(&mut *tx, user, ThreadPage::default()).await?;
        assert_eq!((list.total, list.threads[0].message_count), (1, 1));
        let messages = get_messages(&mut *tx, user, id, Page::default()).await?;
        assert_eq!((messages.total, &messages.messages[0]), (1, &message));
        assert_eq!(get_thread(&mut *tx, user, id).await?.message_count, 1);
        assert_eq!(place.dump().await, before, "seen outside");
        tx.roll_back();
        Ok::<_, AppError>(())
    });
    call.await.expect("Ok, rolled back");
    place.assert_untouched(&before, "rolled back").await;
}

async fn an_error_that_is_answered_for_by_the_caller_dooms_it_all<DB: Threads>(db: &TestDb<DB>) {
    let place = Place::new(db).await;
    let target = place.target(Operation::UpdateThread).await;
    let before = place.dump().await;
    let call = transaction(place.pool(), async |tx: &mut Tx<'_, DB>| {
        let update = Operation::UpdateThread;
        update.run(&mut *tx, &place.user, &target).await?;
        let unknown = get_thread(&mut *tx, &place.user, "thread_unknown").await;
        assert!(matches!(unknown, Err(AppError::NotFound)), "{unknown:?}");
        Ok::<_, AppError>("all is well")
    });
    let error = call.await.expect_err("a joined failure");
    let doomed = TxError::find(&error).map(TxError::is_doomed);
    assert_eq!(doomed, Some(true), "{error:?}");
    place.assert_untouched(&before, "doomed").await;
}
