//! Everything a future tells through `tracing`, field by field.

use std::{
    collections::BTreeMap,
    fmt::{Debug, Write},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tracing::{
    Event, Id, Level, Subscriber,
    field::{Field, Visit},
    instrument::WithSubscriber,
    span::{Attributes, Record},
};
use tracing_subscriber::{
    Layer, Registry,
    layer::{Context, SubscriberExt},
};

/// A span or an event.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) target: String,
    pub(crate) level: Level,
    pub(crate) fields: BTreeMap<&'static str, String>,
    /// The span it was in.
    pub(crate) parent: Option<usize>,
    /// Whether it is a span that has been closed.
    pub(crate) is_closed: bool,
    /// How often it was told how it ended.
    pub(crate) ends: usize,
    id: Option<u64>,
}

impl Entry {
    pub(crate) fn field(&self, name: &str) -> &str {
        self.fields.get(name).map_or("", String::as_str)
    }

    /// Whether it is the project's own.
    fn is_own(&self) -> bool {
        self.target == "sqlx_transactional"
    }
}

/// What was recorded.
#[derive(Clone, Debug, Default)]
pub(crate) struct Traces(Arc<Mutex<Vec<Entry>>>);

impl Traces {
    /// Runs `work` and records what it tells.
    pub(crate) async fn of<T>(work: impl Future<Output = T>) -> (Self, T) {
        let traces = Self::default();
        let output = work
            .with_subscriber(Registry::default().with(traces.clone()))
            .await;
        (traces, output)
    }

    fn locked(&self) -> MutexGuard<'_, Vec<Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The project's spans, in the order in which they were made.
    pub(crate) fn spans(&self) -> Vec<Entry> {
        let entries = self.locked();
        let spans = entries
            .iter()
            .filter(|entry| entry.is_own() && entry.id.is_some());
        spans.cloned().collect()
    }

    /// The project's events, in order.
    pub(crate) fn events(&self) -> Vec<Entry> {
        let entries = self.locked();
        let events = entries
            .iter()
            .filter(|entry| entry.is_own() && entry.id.is_none());
        events.cloned().collect()
    }

    /// The messages of the project's events, with commas between.
    pub(crate) fn messages(&self) -> String {
        let events = self.events();
        let messages: Vec<_> = events.iter().map(|event| event.field("message")).collect();
        messages.join(", ")
    }

    /// The span in which a span or an event was told.
    pub(crate) fn parent(&self, entry: &Entry) -> Option<Entry> {
        let entries = self.locked();
        entries.get(entry.parent?).cloned()
    }

    /// All of it as text, whoever told it.
    pub(crate) fn text(&self) -> String {
        format!("{:?}", self.locked())
    }

    /// How many entries have this target.
    pub(crate) fn count(&self, target: &str) -> usize {
        let entries = self.locked();
        entries
            .iter()
            .filter(|entry| entry.target == target)
            .count()
    }
}

impl<S: Subscriber + for<'a> tracing_subscriber::registry::LookupSpan<'a>> Layer<S> for Traces {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let metadata = attributes.metadata();
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        let parent = context
            .span(id)
            .and_then(|span| span.parent().map(|span| span.id()));
        let mut entries = self.locked();
        let parent = parent.and_then(|parent| position(&entries, &parent));
        entries.push(Entry {
            name: metadata.name().to_owned(),
            target: metadata.target().to_owned(),
            level: *metadata.level(),
            fields: fields.0,
            parent,
            is_closed: false,
            ends: 0,
            id: Some(id.into_u64()),
        });
    }

    fn on_close(&self, id: Id, _: Context<'_, S>) {
        let mut entries = self.locked();
        if let Some(at) = position(&entries, &id) {
            entries[at].is_closed = true;
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, _: Context<'_, S>) {
        let mut fields = Fields::default();
        values.record(&mut fields);
        let mut entries = self.locked();
        if let Some(at) = position(&entries, id) {
            entries[at].ends += usize::from(fields.0.contains_key("outcome"));
            entries[at].fields.extend(fields.0);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let metadata = event.metadata();
        let mut fields = Fields::default();
        event.record(&mut fields);
        let inside = context.event_span(event).map(|span| span.id());
        let mut entries = self.locked();
        let parent = inside.and_then(|span| position(&entries, &span));
        entries.push(Entry {
            name: metadata.name().to_owned(),
            target: metadata.target().to_owned(),
            level: *metadata.level(),
            fields: fields.0,
            parent,
            is_closed: false,
            ends: 0,
            id: None,
        });
    }
}

/// The newest span of this id: ids are used again.
fn position(entries: &[Entry], id: &Id) -> Option<usize> {
    entries
        .iter()
        .rposition(|entry| entry.id == Some(id.into_u64()))
}

#[derive(Debug, Default)]
struct Fields(BTreeMap<&'static str, String>);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let text = self.0.entry(field.name()).or_default();
        text.clear();
        // Writing to a string cannot fail.
        let _ = write!(text, "{value:?}");
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name(), value.to_owned());
    }
}
