//! The circles of the graph, and what they are made of.

use super::graph::{Graph, Why};
use super::{Anomaly, Finding};
use std::collections::{BTreeMap, VecDeque};

/// A finding for each knot of circles, the worst that is in it; weaker circles
/// in the same knot are not told apart from it.
pub(super) fn findings(graph: &Graph) -> Vec<Finding> {
    let mut found = Vec::new();
    for knot in knots(graph, Why::Missed) {
        let inside = Inside::new(&knot);
        let circle = None
            .or_else(|| around(graph, &inside, Why::Write).map(|circle| (Anomaly::G0, circle)))
            .or_else(|| around(graph, &inside, Why::Read).map(|circle| (Anomaly::G1c, circle)))
            .or_else(|| closing(graph, &inside, Why::Read).map(|one| (Anomaly::GSingle, one)))
            .or_else(|| closing(graph, &inside, Why::Missed).map(|some| (Anomaly::G2, some)));
        let (anomaly, transactions) = circle.expect("a knot has a circle");
        found.push(Finding {
            anomaly,
            transactions,
            list: None,
        });
    }
    found
}

/// The transactions of a knot.
struct Inside(Vec<usize>);

impl Inside {
    fn new(knot: &[usize]) -> Self {
        let mut sorted = knot.to_vec();
        sorted.sort_unstable();
        Self(sorted)
    }

    fn has(&self, transaction: usize) -> bool {
        self.0.binary_search(&transaction).is_ok()
    }
}

/// A circle of edges up to `worst`.
fn around(graph: &Graph, inside: &Inside, worst: Why) -> Option<Vec<usize>> {
    let knots = knots(graph, worst);
    let knot = knots.iter().find(|knot| inside.has(knot[0]))?;
    let inside = Inside::new(knot);
    let next = graph.after(knot[0], worst).find(|next| inside.has(*next))?;
    path(graph, &inside, next, knot[0], worst)
}

/// A circle of one miss, closed by edges up to `worst`.
fn closing(graph: &Graph, inside: &Inside, worst: Why) -> Option<Vec<usize>> {
    let missed = graph.missed();
    let mut missed = missed.filter(|(a, b)| inside.has(*a) && inside.has(*b));
    missed.find_map(|(reader, missed)| path(graph, inside, missed, reader, worst))
}

/// The shortest way from one transaction to another.
fn path(graph: &Graph, inside: &Inside, from: usize, to: usize, worst: Why) -> Option<Vec<usize>> {
    let mut came_from = BTreeMap::from([(from, from)]);
    let mut waiting = VecDeque::from([from]);
    while let Some(here) = waiting.pop_front() {
        if here == to {
            let mut way = vec![to];
            while let Some(before) = came_from.get(way.last()?)
                && before != way.last()?
            {
                way.push(*before);
            }
            way.reverse();
            return Some(way);
        }
        for next in graph.after(here, worst).filter(|next| inside.has(*next)) {
            came_from.entry(next).or_insert_with(|| {
                waiting.push_back(next);
                here
            });
        }
    }
    None
}

/// The strongly connected parts with more than one transaction, by edges up to
/// `worst`: each is reached from each. Found in two walks, the second against
/// the edges, without recursion, because a history is long.
fn knots(graph: &Graph, worst: Why) -> Vec<Vec<usize>> {
    let mut against = vec![Vec::new(); graph.len()];
    for from in 0..graph.len() {
        for to in graph.after(from, worst) {
            against[to].push(from);
        }
    }
    let mut finished = Vec::with_capacity(graph.len());
    let mut seen = vec![false; graph.len()];
    for start in 0..graph.len() {
        walk(start, &mut seen, &mut finished, |here| {
            graph.after(here, worst).collect()
        });
    }
    let mut seen = vec![false; graph.len()];
    let mut knots = Vec::new();
    for start in finished.into_iter().rev() {
        let mut knot = Vec::new();
        walk(start, &mut seen, &mut knot, |here| against[here].clone());
        if knot.len() > 1 {
            knots.push(knot);
        }
    }
    knots
}

/// What is reached from `start` and was not seen, each after what comes after it.
fn walk(
    start: usize,
    seen: &mut [bool],
    finished: &mut Vec<usize>,
    next: impl Fn(usize) -> Vec<usize>,
) {
    if std::mem::replace(&mut seen[start], true) {
        return;
    }
    let mut open = vec![(start, next(start))];
    while let Some((here, left)) = open.last_mut() {
        if let Some(one) = left.pop() {
            if !std::mem::replace(&mut seen[one], true) {
                open.push((one, next(one)));
            }
        } else {
            finished.push(*here);
            open.pop();
        }
    }
}
