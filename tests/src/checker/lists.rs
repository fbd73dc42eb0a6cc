//! What the lists themselves tell.

use super::{Anomaly, End, Finding, History, Step, Transaction};
use std::collections::{BTreeMap, BTreeSet};

/// Who appended a number to a list.
pub(super) type Authors = BTreeMap<(u32, u64), usize>;

/// The authors of all appends, of the failed ones too.
pub(super) fn authors(history: &History) -> Authors {
    let mut authors = Authors::new();
    for (index, transaction) in history.transactions.iter().enumerate() {
        for (list, value) in appends(transaction) {
            let earlier = authors.insert((list, value), index);
            assert_eq!(
                earlier, None,
                "{value} is appended to list {list} twice: the history says nothing"
            );
        }
    }
    authors
}

/// What is wrong with single lists and single reads.
pub(super) fn findings(history: &History, authors: &Authors) -> Vec<Finding> {
    let mut found = in_the_end(history, authors);
    for (reader, transaction) in history.transactions.iter().enumerate() {
        found.extend(own_appends(reader, transaction));
        if transaction.end == End::Failed {
            continue;
        }
        for (list, seen) in reads(transaction) {
            let finding = |anomaly, author: Option<usize>| Finding {
                anomaly,
                transactions: [reader].into_iter().chain(author).collect(),
                list: Some(list),
            };
            let last = history.finally.get(&list).map_or(&[][..], Vec::as_slice);
            if !is_prefix_but_for_own(seen, last, |value| {
                authors.get(&(list, value)) == Some(&reader)
            }) {
                found.push(finding(Anomaly::IncompatibleOrders, None));
            }
            for value in seen {
                match authors.get(&(list, *value)) {
                    None => found.push(finding(Anomaly::Invented, None)),
                    Some(author) if history.transactions[*author].end == End::Failed => {
                        found.push(finding(Anomaly::AbortedRead, Some(*author)));
                    }
                    Some(_) => {}
                }
            }
            if let Some(author) = seen
                .last()
                .and_then(|value| authors.get(&(list, *value)).map(|author| (author, value)))
                .filter(|(author, value)| {
                    let all = appends(&history.transactions[**author]);
                    let last = all.filter(|(of, _)| *of == list).last();
                    **author != reader && last != Some((list, **value))
                })
                .map(|(author, _)| *author)
            {
                found.push(finding(Anomaly::IntermediateRead, Some(author)));
            }
        }
    }
    found
}

/// What the last reading of all lists says about each transaction.
fn in_the_end(history: &History, authors: &Authors) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut there = BTreeSet::new();
    for (list, values) in &history.finally {
        for value in values {
            let known = authors.contains_key(&(*list, *value));
            if !there.insert((*list, *value)) || !known {
                found.push(Finding {
                    anomaly: Anomaly::Invented,
                    transactions: Vec::new(),
                    list: Some(*list),
                });
            }
        }
    }
    for (index, transaction) in history.transactions.iter().enumerate() {
        let (kept, lost): (Vec<_>, Vec<_>) =
            appends(transaction).partition(|append| there.contains(append));
        let anomaly = match transaction.end {
            End::Committed if !lost.is_empty() => Anomaly::LostAppend,
            End::Failed if !kept.is_empty() => Anomaly::AppliedFailure,
            End::Unknown if !kept.is_empty() && !lost.is_empty() => Anomaly::Half,
            _ => continue,
        };
        found.push(Finding {
            anomaly,
            transactions: vec![index],
            list: None,
        });
    }
    found
}

/// Whether each read ends with what the transaction itself had appended.
fn own_appends(reader: usize, transaction: &Transaction) -> Option<Finding> {
    let mut own: BTreeMap<u32, Vec<u64>> = BTreeMap::new();
    for step in &transaction.steps {
        match step {
            Step::Append(list, value) => own.entry(*list).or_default().push(*value),
            Step::Read(list, seen) => {
                if !seen.ends_with(own.get(list).map_or(&[], Vec::as_slice)) {
                    return Some(Finding {
                        anomaly: Anomaly::OwnAppends,
                        transactions: vec![reader],
                        list: Some(*list),
                    });
                }
            }
        }
    }
    None
}

/// Whether `seen` is how `last` begins. The reader's own appends stand at the end
/// of what it sees, wherever they came to stand.
fn is_prefix_but_for_own(seen: &[u64], last: &[u64], is_own: impl Fn(u64) -> bool) -> bool {
    let others = seen.iter().rposition(|value| !is_own(*value));
    let others = &seen[..others.map_or(0, |at| at + 1)];
    last.starts_with(others)
}

/// The appends of a transaction, in order.
pub(super) fn appends(transaction: &Transaction) -> impl Iterator<Item = (u32, u64)> {
    transaction.steps.iter().filter_map(|step| match step {
        Step::Append(list, value) => Some((*list, *value)),
        Step::Read(..) => None,
    })
}

/// The reads of a transaction, in order.
pub(super) fn reads(transaction: &Transaction) -> impl Iterator<Item = (u32, &[u64])> {
    transaction.steps.iter().filter_map(|step| match step {
        Step::Read(list, seen) => Some((*list, seen.as_slice())),
        Step::Append(..) => None,
    })
}
