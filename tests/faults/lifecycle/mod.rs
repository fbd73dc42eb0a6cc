//! Runtimes, pools and bodies that end before their transaction does.

mod panics;
mod pools;
mod runtimes;
mod second;
