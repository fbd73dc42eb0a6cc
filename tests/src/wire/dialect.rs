//! What the proxy must understand of a protocol.

use super::fault::Direction;
use std::fmt::Debug;

/// One side's view of a database protocol: where a message ends and what it says.
pub(super) trait Dialect: Debug + Send {
    /// The length in bytes of the message at the front of `buffer`, its header
    /// included, as soon as the header is there.
    fn length(&self, from: Direction, buffer: &[u8]) -> Option<usize>;

    /// Reads one whole message of the client.
    fn client_says(&mut self, message: &[u8]) -> Said;

    /// Reads one whole message of the server.
    fn server_says(&mut self, message: &[u8]) -> Answer;
}

/// What a message of the client says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Said {
    /// The line for the log, when the message is a command of its own.
    pub(super) line: Option<String>,
    /// Whether the server owes an answer once it has this message.
    pub(super) asks: bool,
}

/// What a message of the server means for the bookkeeping.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Answer {
    /// Whether the login ends with this message.
    pub(super) welcomes: bool,
    /// Whether this message answers the oldest open request.
    pub(super) answers: bool,
}

/// SQL as one line of the log.
pub(super) fn line(sql: &[u8]) -> String {
    String::from_utf8_lossy(sql)
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
}
