//! Everything that is wrong with one use of the attribute.

use std::{cell::RefCell, fmt::Display, thread};

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::{Error, Result};

/// What is said: `name: message`, with `{}` for each part that differs.
const MESSAGES: &str = include_str!("messages.txt");

/// Collects errors, so that a user sees all of them in one build.
///
/// An error that got lost would let a wrong program compile, so dropping a
/// collector that was not finished is a bug, and panics.
pub(crate) struct Errors(
    // `None` once finished. In a cell, so that all stages can share it.
    RefCell<Option<Vec<Error>>>,
);

impl Errors {
    pub(crate) fn new() -> Self {
        Self(RefCell::new(Some(Vec::new())))
    }

    /// Adds an error that points at `tokens`: see [`wrong`].
    pub(crate) fn say(&self, tokens: impl ToTokens, name: &str, parts: &[&dyn Display]) {
        self.add(wrong(tokens, name, parts));
    }

    pub(crate) fn add(&self, error: Error) {
        self.0.borrow_mut().get_or_insert_default().push(error);
    }

    pub(crate) fn count(&self) -> usize {
        self.0.borrow().as_ref().map_or(0, Vec::len)
    }

    /// One `compile_error!` for each error.
    pub(crate) fn finish(self) -> TokenStream {
        let found = self.0.take().unwrap_or_default();
        found.iter().map(Error::to_compile_error).collect()
    }
}

impl Drop for Errors {
    fn drop(&mut self) {
        // A second panic while unwinding would abort and hide the first.
        let lost = self.0.get_mut().is_some() && !thread::panicking();
        assert!(!lost, "the errors were never emitted");
    }
}

/// Goes on, or has something to say about `tokens`.
pub(crate) fn ensure(
    is_right: bool,
    tokens: impl ToTokens,
    name: &str,
    parts: &[&dyn Display],
) -> Result<()> {
    is_right.then_some(()).ok_or_else(|| wrong(tokens, name, parts))
}

/// An error that points at `tokens`, with the message called `name`.
pub(crate) fn wrong(tokens: impl ToTokens, name: &str, parts: &[&dyn Display]) -> Error {
    let mut lines = MESSAGES.lines().filter_map(|line| line.split_once(": "));
    let (_, text) = lines.find(|(known, _)| *known == name).expect("a message");
    let mut texts = text.split("{}");
    let first = texts.next().unwrap_or_default().to_owned();
    let rest = parts.iter().zip(texts);
    let message = rest.fold(first, |message, (part, text)| format!("{message}{part}{text}"));
    Error::new_spanned(tokens, message)
}

/// Tokens as a person would type them, for the corrected text in a message:
/// printed tokens have spaces where nobody writes one.
pub(crate) fn typed(tokens: impl ToTokens) -> String {
    let spaced =
        [" :: ", ":: ", " < ", "< ", " >", " ,", " :", "& ", " . ", " (", "( ", " )", " !"];
    let text = tokens.into_token_stream().to_string();
    let close = |text: String, spaced: &&str| text.replace(spaced, spaced.trim());
    spaced.iter().fold(text, close)
}
