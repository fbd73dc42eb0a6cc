//! Panics on threads whose result nobody looks at: a runtime catches those of
//! its tasks and goes on.

use std::panic;
use std::sync::{Mutex, Once, PoisonError};
use std::thread;

/// The thread's name and the message of each panic so far.
static SEEN: Mutex<Vec<(String, String)>> = Mutex::new(Vec::new());

/// From now on takes note of the panics of all threads.
pub(crate) fn watch() {
    static WATCHING: Once = Once::new();
    WATCHING.call_once(|| {
        let report = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            let name = thread::current().name().unwrap_or_default().to_owned();
            let mut seen = SEEN.lock().unwrap_or_else(PoisonError::into_inner);
            seen.push((name, info.to_string()));
            drop(seen);
            report(info);
        }));
    });
}

/// The messages of the panics on threads of this name.
pub(crate) fn on_threads(name: &str) -> Vec<String> {
    let seen = SEEN.lock().unwrap_or_else(PoisonError::into_inner);
    let ours = seen.iter().filter(|(thread, _)| thread == name);
    ours.map(|(_, message)| message.clone()).collect()
}
