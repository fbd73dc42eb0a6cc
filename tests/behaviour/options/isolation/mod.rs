//! The isolation that is asked for is given, or refused.

mod begun;
mod joined;
mod leaks;
pub(crate) mod level;
mod seen;
