//! What keeps the way of a call short. Between two messages to a server most of a
//! call's code and data leave the processor's caches; what it costs is what it
//! touches.

use std::pin::Pin;

/// Tells the compiler that the branch it is called in is hardly ever taken. What
/// is done in each transaction then lies close together in memory.
#[cold]
#[inline(never)]
pub(crate) const fn rarely() {}

/// The future that `make` makes, in a box that is there before it. [`Box::pin`]
/// has its future first, for which there must be a way back if there is no memory,
/// and so moves all of it, which may be kilobytes of nothing yet.
#[inline(always)]
#[expect(clippy::inline_always, reason = "a call would move what it is given")]
pub(crate) fn boxed<F: Future>(make: impl FnOnce() -> F) -> Pin<Box<F>> {
    let room = Box::new_uninit();
    Box::into_pin(Box::write(room, make()))
}
