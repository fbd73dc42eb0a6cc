//! Every message in turn: the deterministic sweeps.

use super::{Action, Direction, Point, Wire};
use std::time::Duration;
use tokio::time::timeout;

/// How long one position of a sweep may take.
const PATIENCE: Duration = Duration::from_secs(30);

impl Wire {
    /// Drops the future that `make` gives while its 1st, 2nd, 3rd … message is
    /// held, then releases the message, and calls `after_each`, until the
    /// future finishes by itself. The messages are those of the side `from`.
    /// Gives the number of messages at which the future was dropped.
    ///
    /// `after_each` gets the position and the output, if there was one. It must
    /// leave the pool at rest, or messages in the background are counted.
    ///
    /// # Panics
    ///
    /// When the future does not finish within `max` messages, or a position
    /// takes more than 30 seconds: then something hangs.
    pub async fn drop_at_each<T>(
        &self,
        from: Direction,
        max: usize,
        mut make: impl AsyncFnMut() -> T,
        mut after_each: impl AsyncFnMut(usize, Option<T>),
    ) -> usize {
        for position in 1..=max {
            self.arm(Point::nth(from, position), Action::Hold);
            let dropped = timeout(PATIENCE, async {
                tokio::select! {
                    biased;
                    output = make() => Some(output),
                    () = self.wait_until_held() => None,
                }
            });
            let output = within(position, dropped).await;
            self.disarm();
            self.release();
            let finished = output.is_some();
            within(position, timeout(PATIENCE, after_each(position, output))).await;
            if finished {
                return position - 1;
            }
        }
        panic!("the future has not finished after {max} messages");
    }

    /// Lets the 1st, 2nd, 3rd … message of the future that `make` gives meet
    /// `action`, and calls `after_each`, until the future finishes without
    /// having met it. The messages are those of the side `from`, on the connection
    /// that speaks first. Gives the number of messages that met the action.
    ///
    /// `after_each` gets the position, the output, and whether the action was
    /// met. It must leave the pool at rest, as above.
    ///
    /// # Panics
    ///
    /// When the future sends more than `max` messages, or a position takes more
    /// than 30 seconds: then something hangs.
    pub async fn fault_at_each<T>(
        &self,
        from: Direction,
        action: Action,
        max: usize,
        mut make: impl AsyncFnMut() -> T,
        mut after_each: impl AsyncFnMut(usize, T, bool),
    ) -> usize {
        for position in 1..=max {
            let before = self.fired();
            self.arm(Point::nth(from, position).of_one_connection(), action);
            let output = within(position, timeout(PATIENCE, make())).await;
            self.disarm();
            let met = self.fired() > before;
            within(
                position,
                timeout(PATIENCE, after_each(position, output, met)),
            )
            .await;
            if !met {
                return position - 1;
            }
        }
        panic!("the future has sent more than {max} messages");
    }
}

async fn within<T>(
    position: usize,
    work: impl Future<Output = Result<T, tokio::time::error::Elapsed>>,
) -> T {
    work.await
        .unwrap_or_else(|_| panic!("message {position}: it hangs"))
}
