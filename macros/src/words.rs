//! Answers to names that are no option.

use proc_macro2::TokenStream;

use crate::errors::typed;

/// Words people bring from other transaction libraries, each with what says it
/// here: `word word: answer`, where `{}` is the place to begin that was meant.
const FOREIGN: &str = include_str!("words.txt");

/// What to say about the unknown option `name`, followed by `value`, where there
/// are those called `names`.
pub(crate) fn answer(name: &str, value: TokenStream, names: &str) -> String {
    match (foreign(name), nearest(name, names)) {
        (Some(answer), _) => answer.replace("{}", &place(name, value)),
        (None, Some(nearest)) => format!("did you mean `{nearest}`?"),
        (None, None) => format!("the options are {}", list(names)),
    }
}

/// The one of the `known` names that `name` is a slip of.
pub(crate) fn nearest<'a>(name: &str, known: &'a str) -> Option<&'a str> {
    let slips = known.split(' ').map(|known| (slips(name, known), known));
    let near = slips.filter(|(slips, known)| *slips <= known.len().div_ceil(4));
    near.min_by_key(|(slips, _)| *slips).map(|(_, known)| known)
}

pub(crate) fn contains(names: &str, name: &str) -> bool {
    names.split(' ').any(|known| known == name)
}

/// Case and underscores do not count, so that `readOnly` is found as well.
fn foreign(name: &str) -> Option<&'static str> {
    let name = name.replace('_', "").to_lowercase();
    let mut lines = FOREIGN.lines().filter_map(|line| line.split_once(": "));
    let line = lines.find(|(words, _)| contains(words, &name));
    line.map(|(_, answer)| answer)
}

/// The place to begin that was meant by `pool`, or by `pool = value`. A string
/// is the name of something that is elsewhere.
fn place(name: &str, value: TokenStream) -> String {
    match typed(value.into_iter().skip(1).collect::<TokenStream>()) {
        value if value.is_empty() => name.to_owned(),
        value if value.starts_with('"') => "self.pool".to_owned(),
        value => value,
    }
}

/// Names, for a message.
pub(crate) fn list(names: &str) -> String {
    let names = format!("`{}`", names.replace(' ', "`, `"));
    let (others, last) = names.rsplit_once(", ").unwrap_or_default();
    format!("{others} and {last}")
}

/// How many letters have to be added, dropped, changed or swapped with their
/// neighbour to make one word of the other (optimal string alignment).
fn slips(from: &str, to: &str) -> usize {
    let (from, to) = (from.as_bytes(), to.as_bytes());
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
