//! Isolation, asked of real servers.

pub(crate) mod by_hand;
mod level;
pub(crate) mod lists;
pub(crate) mod load;
