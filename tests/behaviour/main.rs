//! What a transaction does, on each engine: a module for each rule.
//!
//! A name that begins like `prop_02_` is the case of that number in `CASES.md`.

mod app;
mod diary;
mod expect;
mod slow;
mod sql;
mod traces;
mod wire_text;

mod begin_failure;
mod doomed;
mod ends;
mod executor;
mod hooks;
mod independent;
mod joining;
mod lazy;
mod observed;
mod options;
mod outermost;
mod places;
mod read_only;
mod repeated;
mod savepoints;
mod spans;
mod testing;
mod transaction_control;
