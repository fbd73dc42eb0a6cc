//! What holds when something goes wrong: a future dropped at any moment, a
//! connection cut at any message, a runtime or a pool that ends too early.

mod cancellation;
mod commit_runs_on;
mod connection_loss;
mod disk_full;
mod ledger;
mod lifecycle;
mod notes;
mod outcome;
mod panics;
mod pauses;
mod pooler;
mod pools;
mod sessions;
mod sqlite_traps;
mod storm;
mod time;
mod wire_counts;
