//! The eight operations of a chat-thread backend, each one transactional.
//!
//! A user keeps conversation threads, and messages in them. [`handlers`] holds
//! the operations; they are written once and run on every database that
//! implements [`store::ThreadStore`]. The program `threads` shows them at work
//! and tries to break them.
//!
//! The crate is the worked example of [`sqlx_transactional`]: what is in it is
//! what a service needs, and the service's own concerns are ruled out by where
//! they sit. A store never ends a transaction; an [event](events) leaves after
//! COMMIT; a [title](titles) is made while no connection is held; an
//! [error](AppError) says nothing of the database to a client.

mod caller;
mod error;
pub mod events;
#[cfg(feature = "faults")]
pub mod faults;
pub mod handlers;
pub mod model;
pub mod store;
pub mod titles;

#[cfg(not(feature = "faults"))]
mod faults {
    /// The text to send for a store's statement: the statement.
    pub(crate) fn pass(sql: &'static str) -> &'static str {
        sql
    }
}

pub use caller::Caller;
pub use error::AppError;
