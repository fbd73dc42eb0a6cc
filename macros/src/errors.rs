//! Everything that is wrong with one use of the attribute.

use std::{cell::RefCell, fmt::Display, thread};

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::Error;

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

    /// Adds an error that points at `tokens`.
    pub(crate) fn at(&self, tokens: impl ToTokens, message: impl Display) {
        self.add(Error::new_spanned(tokens, message));
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

/// Tokens as a person would type them, for the corrected text in a message:
/// printed tokens have spaces where nobody writes one.
pub(crate) fn typed(tokens: impl ToTokens) -> String {
    let spaced =
        [" :: ", ":: ", " < ", "< ", " >", " ,", " :", "& ", " . ", " (", "( ", " )", " !"];
    let text = tokens.into_token_stream().to_string();
    let close = |text: String, spaced: &&str| text.replace(spaced, spaced.trim());
    spaced.iter().fold(text, close)
}
