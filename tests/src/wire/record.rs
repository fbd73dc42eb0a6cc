//! The record: what was said, how often the client waited for an answer.

use std::collections::VecDeque;

/// What the proxy has counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Connections that finished their login.
    pub connections: usize,
    /// How often the client sent something and got its answer. What it sent
    /// while it was waiting already belongs to the same round trip.
    pub round_trips: usize,
    /// How many of the round trips carried nothing but a ping.
    pub pings: usize,
}

/// The record of all connections.
#[derive(Debug, Default)]
pub(super) struct Record {
    pub(super) log: Vec<String>,
    /// The same lines by connection, in the order in which they were opened.
    pub(super) by_connection: Vec<Vec<String>>,
    pub(super) counts: Counts,
}

impl Record {
    /// A new connection, and its number.
    pub(super) fn open(&mut self) -> usize {
        self.by_connection.push(Vec::new());
        self.by_connection.len() - 1
    }

    pub(super) fn has(&self, text: &str) -> bool {
        self.log.iter().any(|line| line.contains(text))
    }

    pub(super) fn write(&mut self, connection: usize, line: &str) {
        self.log.push(line.to_owned());
        self.by_connection[connection].push(line.to_owned());
    }
}

/// The requests of one connection that have no answer yet.
#[derive(Debug, Default)]
pub(super) struct Flight {
    /// The lines of the request that the client is still writing.
    writing: Vec<String>,
    /// The lines of each request that is on its way.
    open: VecDeque<Vec<String>>,
    /// Whether the client has said more than pings since it last waited.
    useful: bool,
}

impl Flight {
    /// The client said this.
    pub(super) fn say(&mut self, line: Option<String>, asks: bool) {
        if let Some(line) = line {
            self.useful |= line != "PING";
            self.writing.push(line);
        }
        if asks {
            self.open.push_back(std::mem::take(&mut self.writing));
        }
    }

    /// The lines of the request that the server is answering.
    pub(super) fn answering(&self) -> &[String] {
        self.open.front().map_or(&[], Vec::as_slice)
    }

    /// The server has answered the oldest request.
    pub(super) fn answer(&mut self, counts: &mut Counts) {
        if self.open.pop_front().is_none() || !self.open.is_empty() {
            return;
        }
        counts.round_trips += 1;
        if !std::mem::take(&mut self.useful) {
            counts.pings += 1;
        }
    }
}
