//! What the attribute's expansion calls. Not part of the public API.

use std::ops::Deref;

use sqlx::{Database, Pool};
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

/// What `on = expr` stands for: see [`on`].
#[derive(Debug)]
pub struct On<'a, T: ?Sized>(ByReference<'a, T>);

/// A place that is not a pool.
#[derive(Debug)]
pub struct ByReference<'a, T: ?Sized>(&'a T);

/// Makes a place of `on = expr`: `on(&(expr)).place()`.
///
/// A pool is cloned, which is cheap, so that the body can move the value it is a
/// field of. Anything else is borrowed. An inherent method is found before one
/// behind `Deref`, and that tells the two apart.
pub fn on<T: ?Sized>(place: &T) -> On<'_, T> {
    On(ByReference(place))
}

impl<DB: Database> On<'_, Pool<DB>> {
    /// The pool.
    #[must_use]
    pub fn place(&self) -> Pool<DB> {
        self.0.0.clone()
    }
}

impl<'a, T: ?Sized> ByReference<'a, T> {
    /// A reference to the place.
    #[must_use]
    pub fn place(&self) -> &'a T {
        self.0
    }
}

impl<'a, T: ?Sized> Deref for On<'a, T> {
    type Target = ByReference<'a, T>;

    fn deref(&self) -> &ByReference<'a, T> {
        &self.0
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
