//! How transactions ended.

use sqlx_transactional::{Error as TxError, Tx, transaction};
use sqlx_transactional_tests::{Action, Engine, Point, Setup, TestDb};
use thread_handlers::AppError;
use thread_handlers::faults::{Fault, Faults};

use super::run;
use crate::engine::{Refusal, Threads};
use crate::expect::{database_code, doomed_by};
use crate::journal::Journal;
use crate::operation::Operation;
use crate::place::Place;

cases! {
    Setup::wired() =>
    fault_02_a_swallowed_sql_error_then_commit,
    fault_03_commit_hidden_in_a_repository,
    fault_06_a_failing_rollback_that_replaced_the_error,
    fault_07_the_response_left_before_commit,
    fault_13_double_rollback_and_double_commit,
    fault_18_a_decorator_that_only_logged,
}

/// The beginnings and ends of one transaction, as far as the engine tells.
fn one<DB: Threads>(db: &TestDb<DB>, operation: Operation, end: &'static str) -> Vec<&'static str> {
    match (db.engine(), operation.writes()) {
        (Engine::Sqlite, false) if end == "COMMIT" => vec![],
        (Engine::Sqlite, _) => vec![end],
        (_, true) => vec!["BEGIN", end],
        (_, false) => vec!["BEGIN READ ONLY", end],
    }
}

async fn fault_02_a_swallowed_sql_error_then_commit<DB: Threads>(db: &TestDb<DB>) {
    let place = Place::new(db).await;
    for operation in Operation::ALL {
        let kept = place.target(Operation::UpdateThread).await;
        let target = place.target(operation).await;
        let before = place.dump().await;
        let refused = Faults::at(1, Fault::Refused);
        let swallows = transaction(place.pool(), async |tx: &mut Tx<'_, DB>| {
            let update = Operation::UpdateThread;
            update.run(&mut *tx, &place.user, &kept).await?;
            let _ = refused
                .run(operation.run(&mut *tx, &place.user, &target))
                .await;
            Ok::<_, AppError>("all is well")
        });
        let error = swallows.await.expect_err("a lie");
        assert_eq!(doomed_by(&error), DB::NO_SUCH_TABLE, "{operation:?}");
        place.assert_untouched(&before, "swallowed").await;
    }
}

/// Only the attribute ends a transaction. The sample's own lints refuse the
/// methods of sqlx that would; a statement that would is refused when it is
/// sent; and what the operations send holds no such statement, so that any of
/// them can be put together and undone together.
async fn fault_03_commit_hidden_in_a_repository<DB: Threads>(db: &TestDb<DB>) {
    let lints = include_str!(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../thread-handlers/clippy.toml"
    ));
    for method in [
        "sqlx::Pool::begin",
        "sqlx::Pool::begin_with",
        "sqlx::Connection::begin",
        "sqlx::Connection::transaction",
    ] {
        assert!(lints.contains(&format!("\"{method}\"")), "{method}");
    }
    let place = Place::new(db).await;
    let mut targets = Vec::new();
    for operation in Operation::ALL {
        targets.push((operation, place.target(operation).await));
    }
    let before = place.dump().await;
    let heard = place.hear().await;
    let undone = transaction(place.pool(), async |tx: &mut Tx<'_, DB>| {
        for (operation, target) in &targets {
            operation.run(&mut *tx, &place.user, target).await?;
        }
        Err::<(), _>(AppError::NothingToName)
    });
    let error = undone.await.expect_err("the caller's own error");
    assert!(matches!(error, AppError::NothingToName), "{error:?}");
    let once = one(db, Operation::CreateThread, "ROLLBACK");
    assert_eq!(heard.take(), once);
    place.assert_untouched(&before, "all eight").await;
    for control in ["COMMIT", "ROLLBACK", "BEGIN"] {
        let hidden = transaction(place.pool(), async |tx: &mut Tx<'_, DB>| {
            let (operation, target) = &targets[3];
            operation.run(&mut *tx, &place.user, target).await?;
            Ok::<_, AppError>(DB::send(tx, control).await?)
        });
        let error = hidden.await.expect_err("a hidden end");
        let own = TxError::find(&error).map(TxError::is_transaction_control);
        assert_eq!(own, Some(true), "{control}: {error:?}");
        place.assert_untouched(&before, control).await;
    }
}

/// On `PostgreSQL` the connection is lost at ROLLBACK, which the log tells; on
/// `SQLite` there is nothing left to roll back. The caller gets the first error.
async fn fault_06_a_failing_rollback_that_replaced_the_error<DB: Threads>(db: &TestDb<DB>) {
    let place = Place::new(db).await;
    let journal = Journal::open();
    for operation in Operation::WRITING {
        for (verb, table) in operation.writes_to() {
            let context = format!("{operation:?}: {verb} {table}");
            let target = place.target(operation).await;
            let refuse = DB::refuse(verb, table, Refusal::FailsAll);
            place.sql(&refuse).await;
            let before = place.dump().await;
            if let Some(wire) = &db.wire {
                wire.arm(Point::command("ROLLBACK"), Action::Cut);
            }
            let _ = journal.take();
            let error = run(&place, operation, &target).await;
            let logged = journal.take();
            let error = error.expect_err("a refused write");
            assert_eq!(database_code(&error), DB::REFUSED, "{context}");
            if db.engine() == Engine::Postgres {
                let closed = "WARN sqlx_transactional: connection closed";
                assert!(logged.iter().any(|line| line == closed), "{logged:#?}");
            }
            place.assert_whole(place.pool(), &context).await;
            place.assert_untouched(&before, &context).await;
            place.sql(&DB::allow(verb, table)).await;
        }
    }
    if let Some(wire) = &db.wire {
        let writes = Operation::WRITING.iter().map(|o| o.writes_to().len());
        assert_eq!(wire.fired(), writes.sum::<usize>());
    }
    // An error of the application's own is left alone, too.
    for operation in Operation::ALL {
        if matches!(operation, Operation::ListThreads | Operation::CreateThread) {
            continue;
        }
        let target = place.target(operation).await;
        if let Some(wire) = &db.wire {
            wire.arm(Point::command("ROLLBACK"), Action::Cut);
        }
        let stranger = place.other("boris");
        let answer = operation
            .run::<DB, _>(place.pool(), &stranger, &target)
            .await;
        assert!(matches!(answer, Err(AppError::NotFound)), "{answer:?}");
        place.assert_whole(place.pool(), "lost at ROLLBACK").await;
    }
}

/// While COMMIT is held, the caller waits; when it is refused, the caller gets
/// no id.
async fn fault_07_the_response_left_before_commit<DB: Threads>(db: &TestDb<DB>) {
    let place = Place::new(db).await;
    for operation in Operation::WRITING {
        let target = place.target(operation).await;
        place.sql(DB::REFUSE_COMMITS).await;
        let before = place.dump().await;
        let error = run(&place, operation, &target).await;
        let error = error.expect_err("a refused COMMIT");
        assert_eq!(database_code(&error), DB::FOREIGN_KEY, "{operation:?}");
        place.assert_untouched(&before, "COMMIT refused").await;
        place.sql(DB::ALLOW_COMMITS).await;
        let Some(wire) = &db.wire else {
            continue;
        };
        wire.arm(Point::reply_to("COMMIT"), Action::Hold);
        let mut call = Box::pin(run(&place, operation, &target));
        tokio::select! {
            _ = &mut call => panic!("{operation:?}: COMMIT is not answered yet"),
            () = wire.wait_until_held() => {}
        }
        wire.release();
        call.await.expect("its answer");
        let _ = place.events();
    }
}

/// Whatever the call comes to: one BEGIN, and one COMMIT or one ROLLBACK.
async fn fault_13_double_rollback_and_double_commit<DB: Threads>(db: &TestDb<DB>) {
    let place = Place::new(db).await;
    let heard = place.hear().await;
    for operation in Operation::ALL {
        let target = place.target(operation).await;
        let faults = Faults::none();
        let answer = faults.run(run(&place, operation, &target)).await;
        answer.expect("its answer");
        let ends = one(db, operation, "COMMIT");
        assert_eq!(heard.take(), ends, "{operation:?}");
        let ends = one(db, operation, "ROLLBACK");
        for statement in 1..=faults.seen() {
            let target = place.target(operation).await;
            let refused = Faults::at(statement, Fault::Refused);
            let answer = refused.run(run(&place, operation, &target)).await;
            answer.expect_err("a refused statement");
            let context = format!("{operation:?}, statement {statement}");
            assert_eq!(heard.take(), ends, "{context}");
        }
        if operation.writes() {
            let target = place.target(operation).await;
            place.sql(DB::REFUSE_COMMITS).await;
            let answer = run(&place, operation, &target).await;
            answer.expect_err("a refused COMMIT");
            place.sql(DB::ALLOW_COMMITS).await;
            // SQLite never gets to commit. On PostgreSQL a refused COMMIT is the
            // end, and the ROLLBACK after it ends nothing: it is what takes the
            // transaction out of sqlx's own count.
            let ends: &[&str] = match db.engine() {
                Engine::Sqlite => &["ROLLBACK"],
                _ => &["BEGIN", "COMMIT", "ROLLBACK"],
            };
            assert_eq!(heard.take(), ends, "{operation:?}");
        }
    }
}

/// Asked of the server: its log of what it was sent, or its own hooks.
async fn fault_18_a_decorator_that_only_logged<DB: Threads>(db: &TestDb<DB>) {
    let place = Place::new(db).await;
    let heard = place.hear().await;
    for operation in Operation::ALL {
        let target = place.target(operation).await;
        let answer = run(&place, operation, &target).await;
        answer.expect("its answer");
        let ends = one(db, operation, "COMMIT");
        assert_eq!(heard.take(), ends, "{operation:?}");
        let target = place.target(operation).await;
        let faults = Faults::at(1, Fault::Refused);
        let answer = faults.run(run(&place, operation, &target)).await;
        answer.expect_err("a refused statement");
        let ends = one(db, operation, "ROLLBACK");
        assert_eq!(heard.take(), ends, "{operation:?}");
    }
}
