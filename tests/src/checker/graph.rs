//! Which transaction came before which.

use super::lists::{Authors, reads};
use super::{End, History};
use std::collections::BTreeSet;

/// Why one transaction came before another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Why {
    /// The other one's append comes next.
    Write,
    /// The other one read its append.
    Read,
    /// It did not see the other one's append.
    Missed,
}

/// An edge for each such reason.
#[derive(Debug, Default)]
pub(super) struct Graph {
    /// For each transaction those that came after it.
    after: Vec<BTreeSet<(usize, Why)>>,
}

impl Graph {
    pub(super) fn of(history: &History, authors: &Authors) -> Self {
        let mut graph = Self {
            after: vec![BTreeSet::new(); history.transactions.len()],
        };
        let author = |list: u32, value: &u64| authors.get(&(list, *value)).copied();
        for (list, versions) in &history.finally {
            for pair in versions.windows(2) {
                let both = author(*list, &pair[0]).zip(author(*list, &pair[1]));
                graph.add(both, Why::Write);
            }
        }
        for (reader, transaction) in history.transactions.iter().enumerate() {
            if transaction.end == End::Failed {
                continue;
            }
            for (list, seen) in reads(transaction) {
                let is_own = |value: &u64| author(list, value) == Some(reader);
                let others = seen.iter().rposition(|value| !is_own(value));
                let others = others.map_or(0, |at| at + 1);
                if let Some(value) = others.checked_sub(1).map(|at| &seen[at]) {
                    let wrote = author(list, value);
                    graph.add(wrote.map(|wrote| (wrote, reader)), Why::Read);
                }
                // The next version is enough: the later ones come after it.
                let versions = history.finally.get(&list).map_or(&[][..], Vec::as_slice);
                let missed = versions.get(others..).unwrap_or_default();
                if let Some(value) = missed.first() {
                    let missed = author(list, value);
                    graph.add(missed.map(|missed| (reader, missed)), Why::Missed);
                }
            }
        }
        graph
    }

    fn add(&mut self, edge: Option<(usize, usize)>, why: Why) {
        if let Some((before, after)) = edge
            && before != after
        {
            self.after[before].insert((after, why));
        }
    }

    /// How many transactions it is about.
    pub(super) fn len(&self) -> usize {
        self.after.len()
    }

    /// What came after `transaction`, for reasons up to `worst`.
    pub(super) fn after(&self, transaction: usize, worst: Why) -> impl Iterator<Item = usize> {
        let all = self.after[transaction].iter();
        all.filter(move |(_, why)| *why <= worst)
            .map(|(after, _)| *after)
    }

    /// All pairs of which the first missed the second.
    pub(super) fn missed(&self) -> impl Iterator<Item = (usize, usize)> {
        let all = self.after.iter().enumerate();
        all.flat_map(|(before, after)| {
            let missed = after.iter().filter(|(_, why)| *why == Why::Missed);
            missed.map(move |(after, _)| (before, *after))
        })
    }
}
