//! What a transaction costs, beside hand-written code.
//!
//! The same handler, an insert and an update, in every form it can be written
//! in ([`Case`]), on pools with sqlx's settings and with the recommended ones
//! ([`Pools`]). Three programs look at it:
//!
//! | program | tells |
//! |---|---|
//! | `cargo bench` | criterion's times, form by form |
//! | `ratios` | the ratio of two forms that take turns, which bears a noisy machine |
//! | `counts` | round trips, allocations and sizes, which have no noise |

pub mod case;
pub mod engine;
mod handlers;
pub mod paired;
pub mod report;
pub mod wire;

pub use case::{Call, Case, Form, Subject};
pub use engine::{Engine, Pools, postgres_socket, settle};
