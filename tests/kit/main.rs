//! The kit itself: that it sees what is there. Each test makes plain sqlx do
//! something known, right or wrong, and asks whether the kit says so.

mod faults;
mod inspection;
mod log;
mod message_sweeps;
mod own_handlers;
mod poll_sweeps;
