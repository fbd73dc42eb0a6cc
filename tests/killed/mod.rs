//! The server is killed, or our own process is.

pub(crate) mod client;
pub(crate) mod load;
pub(crate) mod server;
mod verdict;
