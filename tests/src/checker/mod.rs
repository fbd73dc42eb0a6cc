//! Which isolation a history of transactions had.
//!
//! The transactions append numbers to lists and read lists. A list that was read
//! tells every append to it and their order, and so the whole history of its
//! versions; from these it follows which transaction must have come before
//! which. Where the answer is a circle, the transactions were not isolated, and
//! what the circle is made of says which level was missed.
//!
//! The names are those of Adya, "Weak Consistency" (1999), chapter 3.

mod circles;
mod graph;
mod lists;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// What a transaction did with one list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Appended a number that nobody else ever appends to this list.
    Append(u32, u64),
    /// Read the list, and saw this.
    Read(u32, Vec<u64>),
}

/// How a transaction ended for its caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Acknowledged.
    Committed,
    /// An error that says it is not applied.
    Failed,
    /// An error that does not say.
    Unknown,
}

/// One transaction: what it did, in order. Of one that failed the appends count.
#[derive(Debug, Clone)]
pub struct Transaction {
    /// What it did.
    pub steps: Vec<Step>,
    /// How it ended.
    pub end: End,
}

/// Transactions that ran at the same time.
#[derive(Debug, Clone, Default)]
pub struct History {
    /// The transactions, in any order.
    pub transactions: Vec<Transaction>,
    /// All lists, read when nothing ran any more.
    pub finally: BTreeMap<u32, Vec<u64>>,
}

/// What isolation forbids.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Anomaly {
    /// An acknowledged append is not there in the end.
    LostAppend,
    /// An append of a failed transaction is there in the end.
    AppliedFailure,
    /// One append is in a list twice, or nobody made it.
    Invented,
    /// Of two appends of one transaction, only one is there in the end.
    Half,
    /// A transaction did not see its own appends where they should be.
    OwnAppends,
    /// G1a: a transaction that failed was read.
    AbortedRead,
    /// G1b: a list was read as it was amid another transaction.
    IntermediateRead,
    /// Two reads of a list do not agree on the order of its appends.
    IncompatibleOrders,
    /// G0: transactions wrote around each other. A dirty write.
    G0,
    /// G1c: a circle of writes and of reads of them.
    G1c,
    /// G-single: one transaction missed a write of another that came before
    /// it all the same. A read skew, or a lost update.
    GSingle,
    /// G2: several did. A write skew.
    G2,
}

/// One anomaly and where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Which.
    pub anomaly: Anomaly,
    /// The transactions it is made of, by their place in the history.
    pub transactions: Vec<usize>,
    /// The list, where it is about one.
    pub list: Option<u32>,
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{:?} of transactions {:?}",
            self.anomaly, self.transactions
        )?;
        match self.list {
            Some(list) => write!(formatter, " on list {list}"),
            None => Ok(()),
        }
    }
}

impl History {
    /// Everything in it that serializability forbids. Each circle of the graph is
    /// reported once, as the worst that it is.
    #[must_use]
    pub fn findings(&self) -> Vec<Finding> {
        let authors = lists::authors(self);
        let mut found = lists::findings(self, &authors);
        found.extend(circles::findings(&graph::Graph::of(self, &authors)));
        found
    }

    /// The kinds of what [`History::findings`] gives.
    #[must_use]
    pub fn anomalies(&self) -> BTreeSet<Anomaly> {
        let findings = self.findings();
        findings.iter().map(|finding| finding.anomaly).collect()
    }
}

#[cfg(test)]
mod tests;
