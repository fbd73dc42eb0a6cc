//! Answers to names that are no option.

use proc_macro2::{TokenStream, TokenTree};

use crate::{errors::typed, options::NAMES};

/// Words people bring from other transaction libraries, each with what says it
/// here. They are compared without case and underscores, so that `readOnly` and
/// `READ_ONLY` are found too.
const FOREIGN: [(&[&str], &str); 14] = [
    (
        &["propagation", "required"],
        "the parameter says it: a function with `tx: &mut Tx` joins its caller's transaction, or \
         begins one when it is given a pool; add `savepoint` to nest, `outermost` to refuse a \
         call inside a transaction",
    ),
    (
        &["requiresnew"],
        "an independent transaction is one that begins on a pool: give the call `&pool`, or write \
         `on = self.pool`",
    ),
    (&["nested"], "write `savepoint`"),
    (
        &["mandatory"],
        "remove the attribute: a plain function that takes `tx: &mut Tx` can only be called inside \
         a transaction",
    ),
    (
        &["never", "notsupported"],
        "remove the attribute and take the pool: a function without a handle runs in no \
         transaction",
    ),
    (
        &["supports"],
        "remove the attribute and take `impl sqlx::Executor`: such a function runs inside a \
         transaction when it is given `&mut *tx`, and in none when it is given `&pool`",
    ),
    (
        &["readonly"],
        "the parameter says it: write `tx: &mut ReadTx` instead of `tx: &mut Tx`",
    ),
    (
        &["rollbackfor"],
        "every `Err` rolls back, whatever its type; to roll back and return `Ok`, call \
         `tx.roll_back()`",
    ),
    (
        &["norollbackfor"],
        "every `Err` rolls back, whatever its type; to commit and report a failure, return it \
         inside the `Ok`",
    ),
    (
        &["isolationlevel", "isolation"],
        "it is not offered; a transaction runs at the isolation level its connection is set to",
    ),
    (
        &["durable"],
        "write `outermost`: such a function returns `Ok` only after COMMIT",
    ),
    (
        &["atomic"],
        "remove it: every transactional function is; to undo one part alone, add `savepoint` to \
         the function of that part",
    ),
    (
        &["timeout", "timeoutms"],
        "it is not offered; put a deadline around the call, as in `tokio::time::timeout`: a call \
         that is dropped is rolled back",
    ),
    (
        &["retries", "retry"],
        "it is not offered; call the function again: on a pool, each call is a new transaction",
    ),
];

/// Words for the place to begin, which is what `on` is for.
const PLACES: [&str; 6] = [
    "pool",
    "db",
    "conn",
    "connection",
    "executor",
    "transactionmanager",
];

/// What to say about an option that does not exist. `value` is what followed
/// the name.
pub(crate) fn unknown(name: &str, value: &TokenStream) -> String {
    let plain = name.replace('_', "").to_lowercase();
    let answer = if PLACES.contains(&plain.as_str()) {
        place(name, value)
    } else if let Some((_, answer)) = FOREIGN.iter().find(|(words, _)| words.contains(&&*plain)) {
        (*answer).to_owned()
    } else if let Some(close) = NAMES.iter().find(|known| is_close(name, known)) {
        format!("did you mean `{close}`?")
    } else {
        format!("the options are {}", list())
    };
    format!("unknown option `{name}`: {answer}")
}

fn place(name: &str, value: &TokenStream) -> String {
    // What follows the `=`; a string is the name of something elsewhere.
    let place = match value.clone().into_iter().nth(1) {
        Some(TokenTree::Literal(_)) => "self.pool".to_owned(),
        Some(_) => typed(value.clone().into_iter().skip(1).collect::<TokenStream>()),
        None => name.to_owned(),
    };
    format!(
        "pass the place to begin in the call, as in `rename(&pool, ..)`, or write `on = {place}` \
         to begin there and take the parameter out of the signature"
    )
}

/// The names of all options, for a message.
pub(crate) fn list() -> String {
    let [first @ .., last] = NAMES.map(|name| format!("`{name}`"));
    format!("{} and {last}", first.join(", "))
}

/// Whether `written` is `known` with a slip of the finger for every three
/// letters, at least one.
fn is_close(written: &str, known: &str) -> bool {
    distance(written, known) <= (known.len() / 3).max(1)
}

/// How many letters have to be added, dropped, changed or swapped with their
/// neighbour to make one word of the other (optimal string alignment).
fn distance(from: &str, to: &str) -> usize {
    let (from, to): (Vec<_>, Vec<_>) = (from.chars().collect(), to.chars().collect());
    let mut rows = vec![(0..=to.len()).collect::<Vec<_>>()];
    for i in 1..=from.len() {
        let mut row = vec![i];
        for j in 1..=to.len() {
            let changed = rows[i - 1][j - 1] + usize::from(from[i - 1] != to[j - 1]);
            let mut best = changed.min(rows[i - 1][j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && from[i - 1] == to[j - 2] && from[i - 2] == to[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            row.push(best);
        }
        rows.push(row);
    }
    rows[from.len()][to.len()]
}
