//! Who waits for whom, and what the one is told who may not wait.

use std::time::Duration;

use sqlx::pool::PoolOptions;
use sqlx_transactional::{Tx, transaction};
use sqlx_transactional_tests::{Action, Point, Setup, TestDb};
use thread_handlers::AppError;
use thread_handlers::handlers::get_thread;
use tokio::sync::Barrier;
use tokio::time::{Instant, sleep};

use crate::engine::Threads;
use crate::operation::Operation;
use crate::place::{PATIENCE, Place};

cases! {
    Setup::wired() =>
    a_lock_that_is_not_given_is_told_as_such,
}

mod behind_a_wire {
    use super::{
        Setup, a_deadlock_is_told_to_one_of_the_two, the_second_writer_waits_for_the_first,
    };

    cases! {
        [postgres] Setup::wired().connections(2) =>
        a_deadlock_is_told_to_one_of_the_two,
        the_second_writer_waits_for_the_first,
    }
}

/// The first is held at its COMMIT; until that is through, the second waits for
/// the row, as the server says, and then it sees what the first one did.
async fn the_second_writer_waits_for_the_first<DB: Threads>(db: &TestDb<DB>) {
    const WAITING: &str = "
        select count(*) from pg_locks l join pg_stat_activity s on s.pid = l.pid
        where not l.granted and s.datname = current_database()";
    let place = Place::new(db).await;
    let wire = db.wire();
    let changing = [
        Operation::UpdateThread,
        Operation::DeleteThread,
        Operation::AutoRenameThread,
        Operation::SendMessage,
    ];
    for first in changing {
        for second in changing {
            let context = format!("{first:?}, then {second:?}");
            let target = place.target(first).await;
            let (pool, user) = (&db.pool, &place.user);
            wire.arm(Point::command("COMMIT"), Action::Hold);
            let held = async {
                let answer = first.run::<DB, _>(pool, user, &target).await;
                answer.unwrap_or_else(|error| panic!("{context}: {error:?}"))
            };
            let waits = async {
                wire.wait_until_held().await;
                second.run::<DB, _>(pool, user, &target).await
            };
            let sees = async {
                wire.wait_until_held().await;
                let deadline = Instant::now() + PATIENCE;
                while db.numbers(WAITING).await == [0] {
                    assert!(Instant::now() < deadline, "{context}: it does not wait");
                    sleep(Duration::from_millis(1)).await;
                }
                wire.release();
            };
            let (_, answer, ()) = tokio::join!(held, waits, sees);
            let code = answer.map_or_else(|error| error.code(), |_| "ok");
            assert_eq!(code, told(first, second), "{context}");
            if (first, second) == (Operation::SendMessage, Operation::AutoRenameThread) {
                let thread = get_thread(&db.observer, user, &target.id).await;
                assert_eq!(thread.expect("the thread").message_count, 3);
            }
            let _ = place.events();
            place.assert_ended(&context).await;
        }
    }
}

/// What the second of two writers is told, from what the first has done.
fn told(first: Operation, second: Operation) -> &'static str {
    use Operation::{AutoRenameThread, DeleteThread, SendMessage, UpdateThread};
    match (first, second) {
        (DeleteThread, UpdateThread | AutoRenameThread | SendMessage) => "archived",
        (UpdateThread | AutoRenameThread, UpdateThread | AutoRenameThread) => "version_conflict",
        _ => "ok",
    }
}

/// Somebody else holds what a writer needs for longer than it may wait. Readers
/// are in nobody's way.
async fn a_lock_that_is_not_given_is_told_as_such<DB: Threads>(db: &TestDb<DB>) {
    let place = Place::new(db).await;
    let options = PoolOptions::new().max_connections(1);
    let impatient = options.after_connect(|connection, _| Box::pin(DB::do_not_wait(connection)));
    let impatient = db.pool_with(impatient).await;
    for operation in Operation::ALL {
        let target = place.target(operation).await;
        let before = place.dump().await;
        let update = Operation::UpdateThread;
        let holds = transaction(place.pool(), async |tx: &mut Tx<'_, DB>| {
            if operation == Operation::CreateThread {
                operation.run(&mut *tx, &place.user, &target).await?;
            } else {
                update.run(&mut *tx, &place.user, &target).await?;
            }
            let answer = operation.run(&impatient, &place.user, &target).await;
            tx.roll_back();
            Ok::<_, AppError>(answer)
        });
        let answer = holds.await.expect("whatever the other was told");
        if operation.writes() {
            let error = answer.expect_err("it was locked");
            assert!(
                matches!(error, AppError::Busy(_)),
                "{operation:?}: {error:?}"
            );
            assert_eq!(error.code(), "busy");
        } else {
            answer.unwrap_or_else(|error| panic!("{operation:?}: {error:?}"));
        }
        let context = format!("{operation:?}");
        place.assert_whole(&impatient, &context).await;
        place.assert_untouched(&before, &context).await;
    }
}

/// Each holds what the other one wants next. The server gives up one of them,
/// and the other one is done.
async fn a_deadlock_is_told_to_one_of_the_two<DB: Threads>(db: &TestDb<DB>) {
    let place = Place::new(db).await;
    let both = [
        place.target(Operation::SendMessage).await,
        place.target(Operation::SendMessage).await,
    ];
    let before = place.dump().await;
    let met = Barrier::new(2);
    let crossing = async |mine: usize| {
        let call = transaction(place.pool(), async |tx: &mut Tx<'_, DB>| {
            let send = Operation::SendMessage;
            send.run(&mut *tx, &place.user, &both[mine]).await?;
            met.wait().await;
            send.run(tx, &place.user, &both[1 - mine]).await
        });
        call.await
    };
    let (one, other) = tokio::join!(crossing(0), crossing(1));
    let told = match (one, other) {
        (Ok(_), Err(told)) | (Err(told), Ok(_)) => told,
        both => panic!("{both:?}"),
    };
    assert!(matches!(told, AppError::Busy(_)), "{told:?}");
    let after = place.dump().await;
    assert_eq!(after.len(), before.len() + 2);
    for target in &both {
        assert_eq!(after.seqs(&target.id), [1, 2, 3]);
    }
    assert_eq!(place.heard(), ["message_created"; 2]);
    place.assert_ended("a deadlock").await;
}
