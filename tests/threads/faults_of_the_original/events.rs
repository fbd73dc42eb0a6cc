//! When the rest of the system was told.

use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use sqlx_transactional_tests::{Action, Point, Setup, TestDb};
use thread_handlers::Caller;
use thread_handlers::events::{Collected, Event, EventSink, SinkError};

use super::run;
use crate::engine::Threads;
use crate::journal::Journal;
use crate::operation::Operation;
use crate::place::Place;

cases! {
    Setup::wired() =>
    fault_09_notified_before_commit_or_failing_after_it_or_never,
    fault_09_a_sink_sees_what_is_durable,
}

/// How a sink can go wrong.
#[derive(Debug, Clone, Copy)]
enum Trouble {
    Fails,
    Panics,
    PanicsLater,
}

/// A sink that takes note of an event and then goes wrong.
#[derive(Debug)]
struct Troubled {
    heard: Collected,
    trouble: Trouble,
}

impl EventSink for Troubled {
    fn emit(&self, event: Event) -> BoxFuture<'_, Result<(), SinkError>> {
        let _ = self.heard.emit(event).now_or_never();
        match self.trouble {
            Trouble::Fails => std::future::ready(Err("the queue is full".into())).boxed(),
            Trouble::Panics => std::panic::resume_unwind(Box::new("the sink's own")),
            Trouble::PanicsLater => async {
                tokio::task::yield_now().await;
                std::panic::resume_unwind(Box::new("the sink's own"))
            }
            .boxed(),
        }
    }
}

async fn fault_09_notified_before_commit_or_failing_after_it_or_never<DB: Threads>(
    db: &TestDb<DB>,
) {
    let place = Place::new(db).await;
    for operation in Operation::WRITING {
        // Not before, and then for sure.
        let target = place.target(operation).await;
        if let Some(wire) = &db.wire {
            wire.arm(Point::reply_to("COMMIT"), Action::Hold);
            let mut call = Box::pin(run(&place, operation, &target));
            tokio::select! {
                _ = &mut call => panic!("COMMIT is not answered yet"),
                () = wire.wait_until_held() => {}
            }
            assert_eq!(place.heard(), [""; 0], "{operation:?}: before COMMIT");
            wire.release();
            call.await.expect("its answer");
        } else {
            run(&place, operation, &target).await.expect("its answer");
        }
        assert_eq!(place.heard(), operation.events(), "{operation:?}");
        // Not at all where COMMIT is refused.
        let target = place.target(operation).await;
        place.sql(DB::REFUSE_COMMITS).await;
        run(&place, operation, &target).await.expect_err("refused");
        assert_eq!(place.heard(), [""; 0], "{operation:?}: refused");
        place.sql(DB::ALLOW_COMMITS).await;
        // And whatever becomes of it, the operation is done.
        for trouble in [Trouble::Fails, Trouble::Panics, Trouble::PanicsLater] {
            let context = format!("{operation:?}, {trouble:?}");
            let sink = Arc::new(Troubled {
                heard: Collected::default(),
                trouble,
            });
            let user = Caller::new("amina", Arc::clone(&sink) as Arc<dyn EventSink>);
            let target = place.target(operation).await;
            let before = place.dump().await;
            let journal = Journal::open();
            let answer = operation.run::<DB, _>(place.pool(), &user, &target).await;
            answer.unwrap_or_else(|error| panic!("{context}: {error:?}"));
            assert_eq!(journal.take().len(), 1, "{context}: it is logged once");
            let heard: Vec<_> = sink.heard.take();
            let names: Vec<&str> = heard.iter().map(Event::name).collect();
            assert_eq!(names, operation.events(), "{context}");
            let after = place.dump().await;
            assert!(operation.was_done(&target, &before, &after), "{context}");
            place.assert_ended(&context).await;
        }
    }
}

/// A sink that reads what it is told of, on the same pool of one connection.
#[derive(Debug)]
struct Reads<DB: Threads> {
    pool: sqlx::Pool<DB>,
    found: Collected,
}

impl<DB: Threads> EventSink for Reads<DB> {
    fn emit(&self, event: Event) -> BoxFuture<'_, Result<(), SinkError>> {
        async move {
            let user = Caller::new("amina", Arc::new(Collected::default()));
            let thread = event.thread_id().to_owned();
            thread_handlers::handlers::get_thread(&self.pool, &user, &thread).await?;
            self.found.emit(event).await
        }
        .boxed()
    }
}

async fn fault_09_a_sink_sees_what_is_durable<DB: Threads>(db: &TestDb<DB>) {
    let place = Place::new(db).await;
    let sink = Arc::new(Reads {
        pool: db.pool.clone(),
        found: Collected::default(),
    });
    let user = Caller::new("amina", Arc::clone(&sink) as Arc<dyn EventSink>);
    for operation in Operation::WRITING {
        let target = place.target(operation).await;
        let answer = operation.run::<DB, _>(place.pool(), &user, &target).await;
        answer.unwrap_or_else(|error| panic!("{operation:?}: {error:?}"));
        let found = sink.found.take();
        let names: Vec<&str> = found.iter().map(Event::name).collect();
        assert_eq!(names, operation.events(), "{operation:?}");
    }
    place.assert_ended("all were read").await;
}
