//! The faults that were found in the service that this domain comes from, each
//! by its number and name. Where another module asks the same more widely, the
//! test here is the short and direct one.

mod abandoned;
mod answers;
mod data;
mod ends;
mod events;
mod rules;
mod titles;

use thread_handlers::AppError;

use crate::engine::Threads;
use crate::operation::{Operation, Target};
use crate::place::Place;

/// Does it on the pool under test.
async fn run<DB: Threads>(
    place: &Place<'_, DB>,
    operation: Operation,
    target: &Target,
) -> Result<serde_json::Value, AppError> {
    operation
        .run::<DB, _>(place.pool(), &place.user, target)
        .await
}
