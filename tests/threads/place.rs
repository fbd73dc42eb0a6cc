//! A migrated database, a user, and everything that can be seen of both.

use std::sync::Arc;
use std::time::Duration;

use sqlx::Pool;
use sqlx_transactional::{Tx, transaction};
use sqlx_transactional_tests::{TestDb, inspect};
use thread_handlers::events::{Collected, Event, EventSink};
use thread_handlers::handlers::{create_thread, send_message};
use thread_handlers::model::{Message, NewMessage, NewThread, Role, Thread, thread_id};
use thread_handlers::{AppError, Caller};
use tokio::time::{Instant, sleep};

use crate::dump::Dump;
use crate::engine::{Ends, Threads};
use crate::operation::{Operation, Target};

/// How long something that goes on in the background may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// Where a test takes place.
#[derive(Debug)]
pub(crate) struct Place<'d, DB: Threads> {
    pub(crate) db: &'d TestDb<DB>,
    /// The user on whose behalf the operations of the test run.
    pub(crate) user: Caller,
    events: Arc<Collected>,
    /// The same user, whose events nobody hears: for what a test rests on.
    stagehand: Caller,
}

impl<'d, DB: Threads> Place<'d, DB> {
    /// Creates the tables.
    pub(crate) async fn new(db: &'d TestDb<DB>) -> Self {
        DB::migrate(&db.observer).await.expect("the tables");
        let events = Arc::new(Collected::default());
        Self {
            db,
            user: Caller::new("amina", Arc::clone(&events) as Arc<dyn EventSink>),
            events,
            stagehand: Caller::new("amina", Arc::new(Collected::default())),
        }
    }

    /// What the operations under test begin on.
    pub(crate) fn pool(&self) -> &'d Pool<DB> {
        &self.db.pool
    }

    /// A user of this id, whose events are heard too.
    pub(crate) fn other(&self, id: &str) -> Caller {
        Caller::new(id, Arc::clone(&self.events) as Arc<dyn EventSink>)
    }

    /// A thread of the user, made past the pool under test. Nobody hears of it.
    pub(crate) async fn thread(&self, new: NewThread) -> Thread {
        create_thread(&self.db.observer, &self.stagehand, new)
            .await
            .expect("a thread")
    }

    /// A thread of the user with nothing special about it.
    pub(crate) async fn any_thread(&self) -> Thread {
        self.thread(NewThread::default()).await
    }

    /// A message, sent past the pool under test. Nobody hears of it.
    pub(crate) async fn message(&self, thread: &str, role: Role, content: &str) -> Message {
        let message = NewMessage {
            role,
            ..NewMessage::user(content)
        };
        send_message(&self.db.observer, &self.stagehand, thread, message)
            .await
            .expect("a message")
    }

    /// What the operation is to be done to: a thread with a title, metadata and
    /// two messages, made past the pool under test.
    pub(crate) async fn target(&self, operation: Operation) -> Target {
        let made = transaction(&self.db.observer, async |tx: &mut Tx<'_, DB>| {
            let new = Operation::before();
            let thread = create_thread(&mut *tx, &self.stagehand, new).await?;
            for (role, content) in [(Role::User, "Question?"), (Role::Assistant, "Answer.")] {
                let message = NewMessage {
                    role,
                    ..NewMessage::user(content)
                };
                send_message(&mut *tx, &self.stagehand, &thread.id, message).await?;
            }
            Ok::<_, AppError>(thread)
        });
        let thread = made.await.expect("a thread with messages");
        let id = match operation {
            Operation::CreateThread => thread_id(),
            _ => thread.id,
        };
        Target {
            id,
            version: thread.version,
        }
    }

    /// Everything that is stored.
    pub(crate) async fn dump(&self) -> Dump {
        Dump::new(self.texts(DB::DUMP).await)
    }

    /// The last column of each row, as the observer sees it.
    pub(crate) async fn texts(&self, sql: &str) -> Vec<String> {
        let mut observer = self.db.observer.acquire().await.expect("the observer");
        DB::texts(&mut observer, sql).await.expect("texts")
    }

    /// Runs SQL as the observer.
    pub(crate) async fn sql(&self, sql: &str) {
        let mut observer = self.db.observer.acquire().await.expect("the observer");
        DB::execute(&mut observer, sql)
            .await
            .unwrap_or_else(|error| panic!("{sql}: {error}"));
    }

    /// Takes out the events that have left.
    pub(crate) fn events(&self) -> Vec<Event> {
        self.events.take()
    }

    /// Takes out the names of the events that have left, in order.
    pub(crate) fn heard(&self) -> Vec<&'static str> {
        self.events().iter().map(Event::name).collect()
    }

    /// Waits until an event has left, a bounded time, and takes out the names of
    /// all: for a COMMIT that goes on when its caller has gone away.
    pub(crate) async fn hears(&self) -> Vec<&'static str> {
        let deadline = Instant::now() + PATIENCE;
        let mut heard = self.heard();
        while heard.is_empty() && Instant::now() < deadline {
            sleep(Duration::from_millis(1)).await;
            heard = self.heard();
        }
        heard
    }

    /// Asserts that no session holds on to anything at this very moment, that
    /// the pool has all its connections and that each can write.
    ///
    /// # Panics
    ///
    /// When something is wrong, with `context` and a line for each.
    pub(crate) async fn assert_ended(&self, context: &str) {
        let left = inspect::left_behind(self.db).await;
        assert!(left.is_empty(), "{context}: left behind:\n  {left:#?}");
        self.assert_whole(self.pool(), context).await;
    }

    /// The same of any pool, after what may still go on in the background.
    pub(crate) async fn assert_whole(&self, pool: &Pool<DB>, context: &str) {
        let found = inspect::problems(self.db, pool).await;
        assert!(found.is_empty(), "{context}: left behind:\n  {found:#?}");
        inspect::settle(pool).await;
    }

    /// Asserts that nothing has happened: the rows are what they were, no event
    /// has left, nothing is open, and the pool is whole.
    pub(crate) async fn assert_untouched(&self, before: &Dump, context: &str) {
        self.assert_ended(context).await;
        assert_eq!(self.dump().await, *before, "{context}: rows");
        assert_eq!(self.heard(), [""; 0], "{context}: events");
    }

    /// Forgets what was sent so far.
    pub(crate) async fn forget_sent(&self) {
        self.db.settle().await;
        if let Some(wire) = &self.db.wire {
            let _ = (wire.take_log(), wire.take_counts());
        }
    }

    /// What was sent since the last look, each statement by its first word, or
    /// two for BEGIN; nothing where there is no wire.
    pub(crate) fn sent(&self) -> Vec<String> {
        let Some(wire) = &self.db.wire else {
            return Vec::new();
        };
        let word = |sql: &String| match sql.split_whitespace().next() {
            Some("BEGIN") => sql.clone(),
            word => word.unwrap_or_default().to_owned(),
        };
        wire.take_statements().iter().map(word).collect()
    }

    /// From now on hears how transactions end on the pool's one connection.
    pub(crate) async fn hear(&self) -> Heard<'_, DB> {
        let ends = Ends::default();
        let mut connection = self.pool().acquire().await.expect("the connection");
        DB::hear(&mut connection, &ends).await.expect("hooks");
        drop(connection);
        self.forget_sent().await;
        Heard { place: self, ends }
    }
}

/// The beginnings and ends of transactions, as the database saw them.
#[derive(Debug)]
pub(crate) struct Heard<'p, DB: Threads> {
    place: &'p Place<'p, DB>,
    ends: Ends,
}

impl<DB: Threads> Heard<'_, DB> {
    /// What began and ended since the last look. On `SQLite` the engine does not
    /// tell of a BEGIN, nor of the COMMIT of a transaction that only read.
    pub(crate) fn take(&self) -> Vec<String> {
        if self.place.db.wire.is_none() {
            return self.ends.take();
        }
        let mut sent = self.place.sent();
        let control = ["BEGIN", "BEGIN READ ONLY", "COMMIT", "ROLLBACK"];
        sent.retain(|sql| control.contains(&sql.as_str()));
        sent
    }
}
