//! What the attribute's expansion calls. Not part of the public API.

use tracing::{Instrument, Span, instrument::Instrumented};

use crate::{begin::Begin, handle::Access};

pub use crate::end::end;

/// How a function wants its transaction.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    pub(crate) name: &'static str,
    pub(crate) savepoint: bool,
}

impl Options {
    /// The defaults, for the function called `name`.
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        Self {
            name,
            savepoint: false,
        }
    }

    /// Inside a transaction, a savepoint instead of joining.
    #[must_use]
    pub const fn savepoint(self) -> Self {
        Self {
            savepoint: true,
            ..self
        }
    }
}

/// Begins on `place`, or joins it.
pub fn begin<A: Access, B: Begin<A>>(place: &mut B, options: Options) -> A::Handle<'_> {
    place.begin(options)
}

/// The span of the transaction behind `handle`.
pub fn span<A: Access>(handle: &A::Handle<'_>) -> Span {
    A::span(handle).clone()
}

/// Runs `body` inside `span`.
pub fn instrument<F: Future>(span: Span, body: F) -> Instrumented<F> {
    body.instrument(span)
}

/// Never called: gives a body its declared type where inference would take
/// another.
///
/// # Panics
///
/// Always.
#[must_use]
pub fn declared<R>() -> R {
    unreachable!("only the type of this call matters")
}
