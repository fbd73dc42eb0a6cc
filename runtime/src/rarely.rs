//! A word to the compiler.

/// Tells the compiler that the branch it is called in is hardly ever taken. What
/// is done in each transaction then lies close together in memory: between two
/// messages to a server most of it leaves the processor's cache, and is read
/// anew line by line.
#[cold]
#[inline(never)]
pub(crate) const fn rarely() {}
