//! Transactions for async Rust that never say "done" when the data is not there.

mod backend;
mod begin;
mod block;
mod borrowed;
mod end;
mod error;
mod executor;
mod finish;
mod handle;
mod hooks;
mod lease;
mod observe;
pub mod pool;
mod root;
mod savepoint;
mod scope;
mod state;

#[doc(hidden)]
#[path = "private.rs"]
pub mod __private;

use __private as private;

pub use begin::{Begin, Outermost, Source};
pub use block::{Block, on, read, transaction};
pub use end::Outcome;
pub use error::Error;
pub use handle::{Access, AccessOf, Handle, Read, ReadTx, Tx, Write};

pub use sqlx_transactional_macros::transactional;
