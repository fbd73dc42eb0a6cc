//! The output of a test runner, shown and counted at once.

use std::io::{ErrorKind, Read, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::process::TICK;
use crate::tally::{Runner, Tally};

/// How long output may still come from a child of a child after its end.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// The counts that a thread reads off a stream while passing it on.
#[derive(Debug)]
pub(crate) struct Counted {
    tally: Arc<Mutex<Option<Tally>>>,
    reader: thread::JoinHandle<()>,
}

impl Counted {
    /// The counts at the end of the stream. A stream that a forgotten process
    /// holds open is not waited for.
    pub(crate) fn wait(self) -> Option<Tally> {
        let until = Instant::now() + LAST_WORDS;
        while !self.reader.is_finished() && Instant::now() < until {
            thread::sleep(TICK);
        }
        *self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Passes a stream on byte for byte, as it comes, and counts its lines.
pub(crate) fn pass_on(
    mut from: impl Read + Send + 'static,
    mut to: impl Write + Send + 'static,
    runner: Runner,
) -> Counted {
    let tally = Arc::new(Mutex::new(None));
    let shared = Arc::clone(&tally);
    let reader = thread::spawn(move || {
        let mut line = Vec::new();
        let count = |line: &mut Vec<u8>| {
            if let Some(counts) = runner.closing(&String::from_utf8_lossy(line)) {
                let mut tally = shared.lock().unwrap_or_else(PoisonError::into_inner);
                *tally.get_or_insert_default() += counts;
            }
            line.clear();
        };
        let mut buffer = [0; 8192];
        loop {
            let read = match from.read(&mut buffer) {
                Ok(length @ 1..) => &buffer[..length],
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Ok(_) | Err(_) => break,
            };
            // Counting goes on when nobody wants to see it any more.
            let _ = to.write_all(read).and_then(|()| to.flush());
            for byte in read {
                if *byte == b'\n' {
                    count(&mut line);
                } else {
                    line.push(*byte);
                }
            }
        }
        count(&mut line);
    });
    Counted { tally, reader }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    fn counted(text: &'static str) -> Option<String> {
        let counted = pass_on(text.as_bytes(), io::sink(), Runner::Libtest).wait();
        counted.map(|tally| tally.to_string())
    }

    #[test]
    fn counts_of_several_programs_are_added() {
        let text = "running 2 tests\n\
                    test result: ok. 2 passed; 0 failed; 0 ignored; 0 measured\n\
                    test result: FAILED. 3 passed; 1 failed; 1 ignored; 0 measured\n";
        assert_eq!(
            counted(text).as_deref(),
            Some("5 passed, 1 failed, 1 skipped")
        );
    }

    #[test]
    fn no_closing_line_is_no_count() {
        assert_eq!(counted("error: could not compile\n"), None);
    }

    #[test]
    fn the_last_line_may_lack_its_end() {
        let text = "test result: ok. 2 passed; 0 failed";
        assert_eq!(
            counted(text).as_deref(),
            Some("2 passed, 0 failed, 0 skipped")
        );
    }

    #[test]
    fn bytes_are_passed_on_unchanged() {
        #[derive(Clone, Default)]
        struct Shared(Arc<Mutex<Vec<u8>>>);
        impl Write for Shared {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                self.0.lock().unwrap().write(bytes)
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let text: &[u8] = b"\x1b[32mfine\x1b[0m \xff\r\nno end";
        let shared = Shared::default();
        pass_on(text, shared.clone(), Runner::Nextest).wait();
        assert_eq!(*shared.0.lock().unwrap(), text);
    }
}
