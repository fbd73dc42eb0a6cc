//! A history made by hand for each anomaly, and some that are right.

use super::{Anomaly, End, History, Step, Transaction};
use Anomaly::{
    AbortedRead, AppliedFailure, G0, G1c, G2, GSingle, Half, IncompatibleOrders, IntermediateRead,
    Invented, LostAppend, OwnAppends,
};

const X: u32 = 1;
const Y: u32 = 2;

fn append(list: u32, value: u64) -> Step {
    Step::Append(list, value)
}

fn read(list: u32, seen: &[u64]) -> Step {
    Step::Read(list, seen.to_vec())
}

fn committed(steps: impl Into<Vec<Step>>) -> Transaction {
    Transaction {
        steps: steps.into(),
        end: End::Committed,
    }
}

fn with(end: End, steps: impl Into<Vec<Step>>) -> Transaction {
    Transaction {
        steps: steps.into(),
        end,
    }
}

#[track_caller]
fn assert_found(
    transactions: impl Into<Vec<Transaction>>,
    finally: &[(u32, &[u64])],
    wanted: &[Anomaly],
) {
    let finally = finally.iter().map(|(list, seen)| (*list, seen.to_vec()));
    let history = History {
        transactions: transactions.into(),
        finally: finally.collect(),
    };
    let found: Vec<_> = history.anomalies().into_iter().collect();
    assert_eq!(found, wanted, "{:?}", history.findings());
}

#[test]
fn one_after_the_other_is_right() {
    let transactions = [
        committed([append(X, 1), append(Y, 1)]),
        committed([read(X, &[1]), append(X, 2), read(X, &[1, 2])]),
        with(End::Failed, [read(X, &[1, 2]), append(X, 3)]),
        committed([read(X, &[1, 2]), read(Y, &[1]), append(Y, 4)]),
        with(End::Unknown, [append(X, 5), append(Y, 5)]),
        with(End::Unknown, [append(X, 6), append(Y, 6)]),
    ];
    assert_found(transactions, &[(X, &[1, 2, 5]), (Y, &[1, 4, 5])], &[]);
}

#[test]
fn a_lost_append_is_seen() {
    let transactions = [committed([append(X, 1)]), committed([append(X, 2)])];
    assert_found(transactions, &[(X, &[1])], &[LostAppend]);
}

#[test]
fn a_failure_that_was_applied_is_seen() {
    let transactions = [with(End::Failed, [append(X, 1)])];
    assert_found(transactions, &[(X, &[1])], &[AppliedFailure]);
}

#[test]
fn half_a_transaction_is_seen() {
    let transactions = [with(End::Unknown, [append(X, 1), append(Y, 1)])];
    assert_found(transactions, &[(X, &[1])], &[Half]);
}

#[test]
fn an_append_that_is_there_twice_is_seen() {
    let transactions = [committed([append(X, 1)])];
    assert_found(transactions, &[(X, &[1, 1])], &[Invented]);
}

#[test]
fn an_append_that_nobody_made_is_seen() {
    let transactions = [committed([append(X, 1), read(X, &[7, 1])])];
    assert_found(transactions, &[(X, &[7, 1])], &[Invented]);
}

#[test]
fn a_read_without_the_own_append_is_seen() {
    let transactions = [committed([append(X, 1), read(X, &[])])];
    // It also missed itself, which is no edge.
    assert_found(transactions, &[(X, &[1])], &[OwnAppends]);
}

#[test]
fn a_read_of_a_failed_transaction_is_seen() {
    let transactions = [
        with(End::Failed, [append(X, 1)]),
        committed([read(X, &[1])]),
    ];
    // What was read is not how the list begins in the end either.
    let wanted = [AbortedRead, IncompatibleOrders];
    assert_found(transactions, &[(X, &[])], &wanted);
}

#[test]
fn a_read_amid_a_transaction_is_seen() {
    let transactions = [
        committed([append(X, 1), append(X, 2)]),
        committed([read(X, &[1])]),
    ];
    // The reader also both saw the writer and missed it.
    assert_found(transactions, &[(X, &[1, 2])], &[IntermediateRead, GSingle]);
}

#[test]
fn two_orders_of_one_list_are_seen() {
    let transactions = [
        committed([append(X, 1)]),
        committed([append(X, 2)]),
        committed([read(X, &[2, 1])]),
    ];
    assert_found(transactions, &[(X, &[1, 2])], &[IncompatibleOrders]);
}

#[test]
fn g0_is_seen() {
    let transactions = [
        committed([append(X, 1), append(Y, 1)]),
        committed([append(X, 2), append(Y, 2)]),
    ];
    assert_found(transactions, &[(X, &[1, 2]), (Y, &[2, 1])], &[G0]);
}

#[test]
fn g1c_is_seen() {
    let transactions = [
        committed([append(X, 1), read(Y, &[2])]),
        committed([append(Y, 2), read(X, &[1])]),
    ];
    assert_found(transactions, &[(X, &[1]), (Y, &[2])], &[G1c]);
}

#[test]
fn g_single_is_seen_as_a_read_skew() {
    let transactions = [
        committed([read(X, &[]), read(Y, &[2])]),
        committed([append(X, 1), append(Y, 2)]),
    ];
    assert_found(transactions, &[(X, &[1]), (Y, &[2])], &[GSingle]);
}

#[test]
fn g_single_is_seen_as_a_lost_update() {
    let transactions = [
        committed([read(X, &[]), append(X, 1)]),
        committed([read(X, &[]), append(X, 2)]),
    ];
    assert_found(transactions, &[(X, &[1, 2])], &[GSingle]);
}

#[test]
fn g2_is_seen_as_a_write_skew() {
    let transactions = [
        committed([read(X, &[]), append(Y, 1)]),
        committed([read(Y, &[]), append(X, 2)]),
    ];
    assert_found(transactions, &[(X, &[2]), (Y, &[1])], &[G2]);
}

#[test]
fn a_circle_of_many_is_seen() {
    // Each of a hundred reads the list of the one before and misses the next.
    let number = 100;
    let transactions: Vec<_> = (0..number)
        .map(|at| committed([read((at + 1) % number, &[]), append(at, u64::from(at))]))
        .collect();
    let finally: Vec<_> = (0..number).map(|at| (at, vec![u64::from(at)])).collect();
    let finally: Vec<_> = finally.iter().map(|(at, seen)| (*at, &seen[..])).collect();
    assert_found(transactions, &finally, &[G2]);
}

#[test]
fn two_circles_are_two_findings() {
    let history = History {
        transactions: vec![
            committed([read(X, &[]), append(X, 1)]),
            committed([read(X, &[]), append(X, 2)]),
            committed([append(Y, 3), append(3, 3)]),
            committed([append(Y, 4), append(3, 4)]),
        ],
        finally: [(X, vec![1, 2]), (Y, vec![3, 4]), (3, vec![4, 3])].into(),
    };
    let found = history.findings();
    assert_eq!(found.len(), 2, "{found:?}");
    assert_eq!(found[0].transactions.len(), 2, "{found:?}");
    let found: Vec<_> = history.anomalies().into_iter().collect();
    assert_eq!(found, [G0, GSingle]);
}
