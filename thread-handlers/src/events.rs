//! What the rest of a system hears about a thread.

use std::{
    fmt::Debug,
    sync::{Arc, Mutex, PoisonError},
};

use futures_core::future::BoxFuture;
use serde::Serialize;
use sqlx::Database;
use sqlx_transactional::Tx;

use crate::model::{Message, Thread};

/// Something that has happened, and is durable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Event {
    /// A thread was created.
    ThreadCreated {
        /// The thread as it was stored.
        thread: Thread,
    },
    /// A client changed a thread.
    ThreadUpdated {
        /// The thread as it was stored.
        thread: Thread,
    },
    /// A thread was archived. It is said once, however often it is asked for.
    ThreadArchived {
        /// The thread as it was stored.
        thread: Thread,
    },
    /// A thread took a title that was made for it.
    ThreadRenamed {
        /// The thread as it was stored.
        thread: Thread,
    },
    /// A message was added to a thread.
    MessageCreated {
        /// The message as it was stored.
        message: Message,
    },
}

impl Event {
    /// The event's name, as it is serialized.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::ThreadCreated { .. } => "thread_created",
            Self::ThreadUpdated { .. } => "thread_updated",
            Self::ThreadArchived { .. } => "thread_archived",
            Self::ThreadRenamed { .. } => "thread_renamed",
            Self::MessageCreated { .. } => "message_created",
        }
    }

    /// The thread that it is about.
    #[must_use]
    pub fn thread_id(&self) -> &str {
        match self {
            Self::ThreadCreated { thread }
            | Self::ThreadUpdated { thread }
            | Self::ThreadArchived { thread }
            | Self::ThreadRenamed { thread } => &thread.id,
            Self::MessageCreated { message } => &message.thread_id,
        }
    }
}

/// Why a sink could not take an event.
pub type SinkError = Box<dyn std::error::Error + Send + Sync>;

/// A place that events go to: a queue, a socket, a log.
///
/// A sink is called after COMMIT has returned, once for each event, in the
/// order in which they were emitted. Its failure is logged and its panic is
/// caught: neither can change the result of an operation that is already
/// durable. A process that dies between COMMIT and the sink loses the event.
pub trait EventSink: Debug + Send + Sync {
    /// Takes an event.
    fn emit(&self, event: Event) -> BoxFuture<'_, Result<(), SinkError>>;
}

/// A sink that keeps events in memory.
#[derive(Debug, Default)]
pub struct Collected(Mutex<Vec<Event>>);

impl Collected {
    /// Takes out what has been collected, oldest first.
    pub fn take(&self) -> Vec<Event> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl EventSink for Collected {
    fn emit(&self, event: Event) -> BoxFuture<'_, Result<(), SinkError>> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(event);
        Box::pin(std::future::ready(Ok(())))
    }
}

/// Hands `event` to `sink` once the outermost transaction is durable.
pub(crate) fn emit<DB: Database>(tx: &mut Tx<'_, DB>, sink: &Arc<dyn EventSink>, event: Event) {
    let sink = Arc::clone(sink);
    tx.after_commit(async move {
        let (name, thread) = (event.name(), event.thread_id().to_owned());
        if let Err(error) = sink.emit(event).await {
            tracing::warn!(event = name, thread, error, "event not delivered");
        }
    });
}
