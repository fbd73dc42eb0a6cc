//! A connection that is lost at any message: the outcome is typed, nothing is
//! half stored, and the pool heals.

mod at_each_message;
mod commit;
mod dead_while_idle;
mod ended_by_the_server;
