//! Who asks.

use std::sync::Arc;

use crate::events::EventSink;

/// The user on whose behalf an operation runs, and where the events go that it
/// causes.
///
/// Every operation needs the first, to authorise; every writing one needs the
/// second. They travel together, so that an operation's parameters are its own
/// and no writing operation can be called with its events forgotten. A service
/// makes one for each request, from what authenticated it and its own sink.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The user's id, as the service authenticated it.
    pub id: String,
    /// Where events go after COMMIT.
    pub events: Arc<dyn EventSink>,
}

impl Caller {
    /// A user with a sink.
    pub fn new(id: impl Into<String>, events: Arc<dyn EventSink>) -> Self {
        Self {
            id: id.into(),
            events,
        }
    }
}
