//! What happened, in order.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::time::{Instant, sleep};

/// A list that hooks write to. Clones are one list.
#[derive(Clone, Debug, Default)]
pub(crate) struct Diary(Arc<Mutex<Vec<String>>>);

impl Diary {
    pub(crate) fn write(&self, what: impl Into<String>) {
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        entries.push(what.into());
    }

    /// A hook that writes `what`.
    pub(crate) fn hook<W: Into<String> + Send + 'static>(
        &self,
        what: W,
    ) -> impl Future<Output = ()> + Send + use<W> {
        let diary = self.clone();
        async move { diary.write(what) }
    }

    /// All entries, with commas between.
    pub(crate) fn read(&self) -> String {
        let entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        entries.join(", ")
    }

    /// Waits for what is written in the background, and asserts that it is
    /// this.
    ///
    /// # Panics
    ///
    /// When something else is written after five seconds.
    pub(crate) async fn assert_becomes(&self, expected: &str) {
        let deadline = Instant::now() + Duration::from_secs(5);
        while self.read() != expected && Instant::now() < deadline {
            sleep(Duration::from_millis(2)).await;
        }
        assert_eq!(self.read(), expected);
    }
}
