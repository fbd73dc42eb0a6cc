//! The eight operations of the sample.

use crate::calls::Within;
use crate::dump::Dump;
use crate::engine::Threads;
use crate::notes::Notes;
use crate::operation::{Operation, Target};
use crate::place::Place;
use crate::subject::{Answer, End, Left, Promise, Ran, Subject, caught};
use sqlx::Pool;
use sqlx_transactional_tests::TestDb;
use std::cell::RefCell;
use tokio::time::{Duration, Instant, sleep};

/// How long an event may take that leaves when its caller has gone away.
const PATIENCE: Duration = Duration::from_secs(5);

/// An operation.
pub(crate) struct Op<'d, DB: Threads> {
    place: &'d Place<'d, DB>,
    operation: Operation,
}

/// What belongs to one call.
pub(crate) struct Given {
    target: Target,
    before: Dump,
    /// The events that have left.
    heard: RefCell<Vec<&'static str>>,
}

impl<'d, DB: Threads> Op<'d, DB> {
    /// All of them.
    pub(crate) fn all(place: &'d Place<'d, DB>) -> [Self; 8] {
        Operation::ALL.map(|operation| Self { place, operation })
    }
}

impl<DB: Notes + Threads> Subject<DB> for Op<'_, DB> {
    type Given = Given;

    fn name(&self) -> &str {
        match self.operation {
            Operation::ListThreads => "list_threads",
            Operation::CreateThread => "create_thread",
            Operation::GetThread => "get_thread",
            Operation::UpdateThread => "update_thread",
            Operation::DeleteThread => "delete_thread",
            Operation::GetMessages => "get_messages",
            Operation::AutoRenameThread => "auto_rename_thread",
            Operation::SendMessage => "send_message",
        }
    }

    fn promise(&self) -> Promise {
        if self.operation.writes() {
            Promise::Commits
        } else {
            Promise::Reads
        }
    }

    async fn prepare(&self, _: &TestDb<DB>, _: &Pool<DB>, _: i64, _: u64) -> Given {
        let place = self.place;
        place.sql("delete from messages").await;
        place.sql("delete from threads").await;
        let target = place.target(self.operation).await;
        let before = place.dump().await;
        // What has not left by now was missed by the case that it belongs to.
        let _ = place.heard();
        Given {
            target,
            before,
            heard: RefCell::default(),
        }
    }

    async fn call(&self, pool: &Pool<DB>, given: &Given) -> Answer {
        let run = self
            .operation
            .run::<DB, _>(pool, &self.place.user, &given.target);
        run.await?;
        Ok(())
    }

    async fn call_within(&self, place: &Within<DB>, given: &Given) -> Answer {
        let run = self
            .operation
            .run::<DB, _>(place, &self.place.user, &given.target);
        run.await?;
        Ok(())
    }

    async fn left(&self, _: &TestDb<DB>, given: &Given) -> Left {
        let after = self.place.dump().await;
        let done = caught(|| {
            self.operation
                .was_done(&given.target, &given.before, &after)
        });
        match done {
            Ok(true) => Left::Everything,
            Ok(false) => Left::Nothing,
            Err(what) => Left::Half(what.replace('\n', " ")),
        }
    }

    fn has_hooks(&self, _: &Given) -> bool {
        true
    }

    /// An event leaves after the commit alone.
    fn wanted(&self, end: End) -> Ran {
        match end {
            End::Committed => (self.operation.events().len(), 0),
            End::RolledBack | End::Unknown => (0, 0),
        }
    }

    async fn ran(&self, given: &Given, wanted: usize) -> Result<Ran, String> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let heard = {
                let mut heard = given.heard.borrow_mut();
                heard.extend(self.place.heard());
                heard.clone()
            };
            let is_own = |name: &&&str| self.operation.events().contains(*name);
            if let Some(other) = heard.iter().find(|name| !is_own(name)) {
                return Err(format!("the event {other} is not one of {}", self.name()));
            }
            if heard.len() >= wanted || Instant::now() > deadline {
                return Ok((heard.len(), 0));
            }
            sleep(Duration::from_millis(1)).await;
        }
    }
}
