//! Statement k of operation n fails, for every k and n.

mod lost;
mod server;

use std::io::Write;
use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;
use sqlx_transactional::{Source, Tx, transaction};
use sqlx_transactional_tests::{Engine, Setup, TestDb};
use thread_handlers::AppError;
use thread_handlers::faults::{Fault, Faults, Panicked};

use crate::engine::{Refusal, Threads};
use crate::expect::{assert_discreet, database_code, doomed_by};
use crate::operation::{Operation, Target};
use crate::place::Place;

cases! {
    Setup::wired() =>
    the_database_refuses_it,
    the_program_panics_at_it,
    the_caller_swallows_its_error,
    the_database_refuses_the_write,
    the_write_touches_no_row,
    commit_is_refused,
    what_runs_after_begin_fails,
}

/// Says on stderr, past the capture of the harness, what was tried: the count
/// is the result.
fn tried<DB: Threads>(db: &TestDb<DB>, what: &str, places: usize) {
    let engine = db.engine();
    let _ = writeln!(
        std::io::stderr(),
        "statement faults on {engine}: {what}: {places} places"
    );
}

async fn run<DB: Threads>(
    place: &Place<'_, DB>,
    operation: Operation,
    target: &Target,
) -> Result<(), AppError> {
    let run = operation.run::<DB, _>(place.pool(), &place.user, target);
    run.await.map(drop)
}

/// Calls `disturb` for each statement of each operation, counted from 1, and
/// asserts after each that nothing has happened, and that the operation is done
/// when it is not disturbed.
async fn at_each_statement<DB: Threads>(
    place: &Place<'_, DB>,
    operations: &[Operation],
    what: &str,
    mut disturb: impl AsyncFnMut(Operation, &Target, usize),
) {
    let mut tried_at = 0;
    for &operation in operations {
        let mut statement = 0;
        loop {
            statement += 1;
            let context = format!("{what}: {operation:?}, statement {statement}");
            let target = place.target(operation).await;
            let before = place.dump().await;
            disturb(operation, &target, statement).await;
            place.assert_untouched(&before, &context).await;
            tried_at += 1;
            let faults = Faults::none();
            let undisturbed = faults.run(run(place, operation, &target)).await;
            undisturbed.unwrap_or_else(|error| panic!("{context}: afterwards {error:?}"));
            let done = operation.was_done(&target, &before, &place.dump().await);
            assert_eq!(done, operation.writes(), "{context}");
            assert_eq!(place.heard(), operation.events(), "{context}");
            if statement == faults.seen() {
                break;
            }
        }
    }
    tried(place.db, what, tried_at);
}

async fn the_database_refuses_it<DB: Threads>(db: &TestDb<DB>) {
    let place = Place::new(db).await;
    let refuse = async |operation, target: &Target, statement| {
        let faults = Faults::at(statement, Fault::Refused);
        let error = faults.run(run(&place, operation, target)).await;
        let error = error.expect_err("a refused statement");
        assert_eq!(database_code(&error), DB::NO_SUCH_TABLE);
        assert_discreet(&error);
        assert_eq!(faults.seen(), statement, "{operation:?} went on");
    };
    at_each_statement(&place, &Operation::ALL, "refused", refuse).await;
}

async fn the_program_panics_at_it<DB: Threads>(db: &TestDb<DB>) {
    let place = Place::new(db).await;
    let panic = async |operation, target: &Target, statement| {
        let faults = Faults::at(statement, Fault::Panic);
        let run = faults.run(run(&place, operation, target));
        let panic = AssertUnwindSafe(run).catch_unwind().await;
        assert!(panic.expect_err("a panic").is::<Panicked>());
        // A panic has no time to wait for its ROLLBACK.
        place.assert_whole(place.pool(), "after a panic").await;
    };
    at_each_statement(&place, &Operation::ALL, "panics", panic).await;
}

async fn the_caller_swallows_its_error<DB: Threads>(db: &TestDb<DB>) {
    let place = Place::new(db).await;
    let swallow = async |operation: Operation, target: &Target, statement| {
        let faults = Faults::at(statement, Fault::Refused);
        let swallows = transaction(place.pool(), async |tx: &mut Tx<'_, DB>| {
            let run = operation.run(&mut *tx, &place.user, target);
            let _ = faults.run(run).await.expect_err("a refused statement");
            Ok::<_, AppError>("all is well")
        });
        let error = swallows.await.expect_err("a lie");
        assert_eq!(doomed_by(&error), DB::NO_SUCH_TABLE);
        assert_discreet(&error);
    };
    at_each_statement(&place, &Operation::ALL, "swallowed", swallow).await;
}

/// By triggers of the test's own, before the real statement with its real
/// parameters.
async fn the_database_refuses_the_write<DB: Threads>(db: &TestDb<DB>) {
    let place = Place::new(db).await;
    let mut places = 0;
    for operation in Operation::WRITING {
        for (verb, table) in operation.writes_to() {
            for what in [Refusal::Fails, Refusal::FailsAll] {
                let target = place.target(operation).await;
                place.sql(&DB::refuse(verb, table, what)).await;
                let before = place.dump().await;
                let error = run(&place, operation, &target).await;
                let error = error.expect_err("a refused write");
                assert_eq!(database_code(&error), DB::REFUSED, "{operation:?}");
                assert_discreet(&error);
                let context = format!("{operation:?}: {verb} {table}, {what:?}");
                place.assert_untouched(&before, &context).await;
                place.sql(&DB::allow(verb, table)).await;
                places += 1;
            }
        }
    }
    tried(db, "refused by a trigger", places);
}

/// A write that the database answers with success and that has changed nothing.
async fn the_write_touches_no_row<DB: Threads>(db: &TestDb<DB>) {
    let place = Place::new(db).await;
    let mut places = 0;
    for operation in Operation::WRITING {
        for (verb, table) in operation.writes_to() {
            let target = place.target(operation).await;
            place.sql(&DB::refuse(verb, table, Refusal::Skips)).await;
            let before = place.dump().await;
            let error = run(&place, operation, &target).await;
            let error = error.expect_err("a write without effect");
            assert!(
                matches!(error, AppError::NotWritten { rows: 0 }),
                "{operation:?}: {error:?}"
            );
            assert_discreet(&error);
            let context = format!("{operation:?}: {verb} {table}");
            place.assert_untouched(&before, &context).await;
            place.sql(&DB::allow(verb, table)).await;
            places += 1;
        }
    }
    tried(db, "without effect", places);
}

async fn commit_is_refused<DB: Threads>(db: &TestDb<DB>) {
    let place = Place::new(db).await;
    for operation in Operation::WRITING {
        for joined in [false, true] {
            let context = format!("{operation:?}, joined: {joined}");
            let target = place.target(operation).await;
            place.sql(DB::REFUSE_COMMITS).await;
            let before = place.dump().await;
            place.forget_sent().await;
            let answer = if joined {
                let caller = transaction(place.pool(), async |tx: &mut Tx<'_, DB>| {
                    operation.run(tx, &place.user, &target).await.map(drop)
                });
                caller.await
            } else {
                run(&place, operation, &target).await
            };
            let sent = place.sent();
            let error = answer.expect_err(&context);
            assert_eq!(database_code(&error), DB::FOREIGN_KEY, "{context}");
            assert_discreet(&error);
            place.assert_untouched(&before, &context).await;
            place.sql(DB::ALLOW_COMMITS).await;
            if db.engine() == Engine::Postgres {
                // Every statement was answered well before.
                let ends = sent.iter().filter(|word| *word == "COMMIT").count();
                assert_eq!(ends, 1, "{context}: {sent:?}");
            }
        }
    }
    tried(db, "COMMIT refused", 2 * Operation::WRITING.len());
}

/// A place to begin that cannot do what it does in each of its transactions.
#[derive(Debug)]
struct Broken<'p, DB: Threads>(&'p sqlx::Pool<DB>);

impl<DB: Threads> Source<DB> for Broken<'_, DB> {
    fn pool(&self) -> &sqlx::Pool<DB> {
        self.0
    }

    async fn after_begin(&self, connection: &mut DB::Connection) -> Result<(), sqlx::Error> {
        DB::execute(connection, "select * from no_such_role").await
    }
}

async fn what_runs_after_begin_fails<DB: Threads>(db: &TestDb<DB>) {
    let place = Place::new(db).await;
    for operation in Operation::ALL {
        let target = place.target(operation).await;
        let before = place.dump().await;
        let broken = Broken(place.pool());
        let error = operation.run(&broken, &place.user, &target).await;
        let error = error.expect_err("a broken place to begin");
        assert_eq!(database_code(&error), DB::NO_SUCH_TABLE, "{operation:?}");
        let context = format!("{operation:?} after BEGIN");
        place.assert_untouched(&before, &context).await;
    }
    tried(db, "after BEGIN", Operation::ALL.len());
}
