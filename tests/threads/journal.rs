//! What the log says.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use tracing::field::{Field, Visit};
use tracing::subscriber::DefaultGuard;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

/// The warnings and errors that are logged on this thread, which is the one
/// that polls the test, as long as this is there. What goes on in the background
/// is not heard.
pub(crate) struct Journal {
    lines: Lines,
    _heard: DefaultGuard,
}

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<String>>>);

impl Journal {
    pub(crate) fn open() -> Self {
        let lines = Lines::default();
        let log = tracing_subscriber::registry().with(lines.clone());
        Self {
            lines,
            _heard: tracing::subscriber::set_default(log),
        }
    }

    /// What was logged since the last look, a line each: `WARN target: message`.
    pub(crate) fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.lines.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl<S: Subscriber> Layer<S> for Lines {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let (level, target) = (event.metadata().level(), event.metadata().target());
        if *level > Level::WARN || target.starts_with("sqlx::") {
            return;
        }
        let mut message = Message::default();
        event.record(&mut message);
        let line = format!("{level} {target}: {}", message.0);
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lines.push(line);
    }
}

#[derive(Default)]
struct Message(String);

impl Visit for Message {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            self.0 = format!("{value:?}");
        }
    }
}
