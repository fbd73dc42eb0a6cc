//! Runtimes, pools and bodies that end before their transaction does.

mod holders;
mod panics;
mod pools;
mod runtimes;
mod second;
mod shut_down;
