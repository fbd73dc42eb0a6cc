//! What an operation did, as `tracing` tells it.
//!
//! The runtime's span and events say where a transaction begins and ends, and
//! sqlx's say what was sent in between and how long it took. A [`Recorder`]
//! keeps those that happen inside one operation's own span, whichever thread
//! they happen on.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use serde::Serialize;
use tracing::{
    Event, Id, Instrument, Level, Subscriber,
    field::{Field, Visit},
    span::Attributes,
};
use tracing_subscriber::{
    Layer,
    filter::Targets,
    layer::{Context, SubscriberExt},
    registry::{LookupSpan, Scope},
};

/// One thing that an operation did.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "step", rename_all = "snake_case")]
pub(crate) enum Step {
    /// A transaction began.
    Begin { micros: u64 },
    /// A statement was answered.
    Statement {
        sql: String,
        rows: u64,
        micros: u64,
        /// How many functions have joined around it.
        depth: usize,
    },
    /// A function joined the open transaction.
    Joined { name: String, depth: usize },
    /// The transaction was made durable.
    Commit { micros: u64 },
    /// The transaction was undone.
    Rollback { micros: u64 },
    /// Why the transaction is about to be undone.
    Because { text: String },
    /// Something that is not a statement.
    Note { text: String },
}

/// Collects steps, one list for each recorded operation.
#[derive(Clone, Debug, Default)]
pub(crate) struct Recorder(Arc<Mutex<HashMap<u64, Vec<Step>>>>);

/// The name of the span around a recorded operation.
const OPERATION: &str = "operation";

impl Recorder {
    /// Makes a recorder that hears everything in this process.
    pub(crate) fn install() -> Self {
        let recorder = Self::default();
        let targets = Targets::new()
            .with_target("sqlx::query", Level::DEBUG)
            .with_target("sqlx_transactional", Level::DEBUG)
            .with_target("thread_handlers", Level::WARN)
            .with_target("threads", Level::INFO);
        let subscriber =
            tracing_subscriber::registry().with(Recording(recorder.clone()).with_filter(targets));
        // Only this program's own start can install one, and it does so once.
        let _ = tracing::subscriber::set_global_default(subscriber);
        recorder
    }

    /// Runs an operation and returns what it did.
    pub(crate) async fn record<F: Future>(&self, operation: F) -> (F::Output, Vec<Step>) {
        let span = tracing::info_span!(target: "threads", OPERATION);
        let id = span.id().map_or(0, |id| id.into_u64());
        self.lists().insert(id, Vec::new());
        let output = operation.instrument(span).await;
        let steps = self.lists().remove(&id).unwrap_or_default();
        (output, steps)
    }

    fn lists(&self) -> std::sync::MutexGuard<'_, HashMap<u64, Vec<Step>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The recorder as a layer.
struct Recording(Recorder);

impl Recording {
    /// Adds a step to the operation that the scope is inside of, if any.
    fn push<'a, S>(&self, scope: Option<Scope<'a, S>>, step: impl FnOnce(usize) -> Option<Step>)
    where
        S: Subscriber + LookupSpan<'a>,
    {
        let mut transactions = 0_usize;
        for span in scope.into_iter().flatten() {
            match span.name() {
                "transaction" => transactions += 1,
                OPERATION => {
                    let mut lists = self.0.lists();
                    if let Some(steps) = lists.get_mut(&span.id().into_u64())
                        && let Some(step) = step(transactions.saturating_sub(1))
                    {
                        let place = place(steps, &step);
                        steps.insert(place, step);
                    }
                    return;
                }
                _ => {}
            }
        }
    }
}

/// Where a step belongs. A function can have joined before the transaction that
/// it joined has begun in the database, which is at its first statement.
fn place(steps: &[Step], step: &Step) -> usize {
    let joined = |step: &&Step| matches!(step, Step::Joined { .. });
    match step {
        Step::Begin { .. } => steps.len() - steps.iter().rev().take_while(joined).count(),
        _ => steps.len(),
    }
}

impl<S> Layer<S> for Recording
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        if attributes.metadata().name() != "transaction" {
            return;
        }
        let fields = Fields::of(|fields| attributes.record(fields));
        if fields.text("kind") == "joined" {
            self.push(context.span_scope(id), |depth| {
                Some(Step::Joined {
                    // The path to the function says no more here than its name.
                    name: fields.text("name").rsplit("::").next()?.to_owned(),
                    depth,
                })
            });
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let fields = Fields::of(|fields| event.record(fields));
        let target = event.metadata().target();
        self.push(context.event_scope(event), |depth| match target {
            "sqlx::query" => fields.statement(depth),
            "sqlx_transactional" => fields.transaction(),
            _ => Some(Step::Note {
                text: fields.text("message").to_owned(),
            }),
        });
    }
}

/// The fields of an event, as text and as numbers.
#[derive(Debug, Default)]
struct Fields {
    texts: HashMap<&'static str, String>,
    numbers: HashMap<&'static str, u64>,
}

impl Fields {
    fn of(record: impl FnOnce(&mut Self)) -> Self {
        let mut fields = Self::default();
        record(&mut fields);
        fields
    }

    fn text(&self, name: &str) -> &str {
        self.texts.get(name).map_or("", String::as_str)
    }

    fn number(&self, name: &str) -> u64 {
        self.numbers.get(name).copied().unwrap_or_default()
    }

    /// sqlx puts a short statement into `summary` alone.
    fn statement(&self, depth: usize) -> Option<Step> {
        let text = match self.text("db.statement") {
            "" => self.text("summary"),
            whole => whole,
        };
        let sql = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let verb = sql.split(' ').next().unwrap_or_default();
        let verb = verb.trim_end_matches(';').to_ascii_lowercase();
        let rows = match verb.as_str() {
            // The runtime tells of these itself.
            "begin" | "commit" | "rollback" | "savepoint" | "release" | "pragma" => return None,
            "insert" | "update" | "delete" => self.number("rows_affected"),
            _ => self.number("rows_returned"),
        };
        Some(Step::Statement {
            sql,
            rows,
            micros: self.number("elapsed_secs"),
            depth,
        })
    }

    fn transaction(&self) -> Option<Step> {
        let micros = self.number("elapsed_us");
        match self.text("message") {
            "begin" => Some(Step::Begin { micros }),
            "commit" => Some(Step::Commit { micros }),
            "rollback" => Some(Step::Rollback { micros }),
            "rolled back" => Some(Step::Because {
                text: self.text("why").to_owned(),
            }),
            _ => None,
        }
    }
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.texts.insert(field.name(), value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.texts.insert(field.name(), format!("{value:?}"));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.numbers.insert(field.name(), value);
    }

    /// Only `elapsed_secs` is one; it is kept in microseconds.
    fn record_f64(&mut self, field: &Field, value: f64) {
        let elapsed = Duration::try_from_secs_f64(value).unwrap_or_default();
        let micros = u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX);
        self.numbers.insert(field.name(), micros);
    }
}
