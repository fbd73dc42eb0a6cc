//! Whose sessions are ended, and how many there are.

mod balancer;
pub(crate) mod bound;
pub(crate) mod standby;
pub(crate) mod strangers;
