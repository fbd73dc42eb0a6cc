//! Everything that is wrong with one use of the attribute.

use std::{cell::RefCell, fmt::Display, thread};

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::Error;

/// Collects errors, so that a user sees all of them in one build.
///
/// It must be emptied with [`Errors::finish`]: an error that is dropped would
/// let a wrong program compile.
#[derive(Debug, Default)]
pub(crate) struct Errors {
    // `None` once finished. A cell, so that stages can share one collector.
    found: RefCell<Option<Vec<Error>>>,
}

impl Errors {
    pub(crate) fn new() -> Self {
        Self {
            found: RefCell::new(Some(Vec::new())),
        }
    }

    /// Adds an error that points at `tokens`.
    pub(crate) fn at(&self, tokens: impl ToTokens, message: impl Display) {
        self.add(Error::new_spanned(tokens, message));
    }

    pub(crate) fn add(&self, error: Error) {
        if let Some(found) = self.found.borrow_mut().as_mut() {
            found.push(error);
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.found.borrow().as_ref().is_none_or(Vec::is_empty)
    }

    /// Every error as one `compile_error!` each, nothing if there is none.
    pub(crate) fn finish(self) -> TokenStream {
        let found = self.found.take().unwrap_or_default();
        found.iter().map(Error::to_compile_error).collect()
    }
}

impl Drop for Errors {
    fn drop(&mut self) {
        // A second panic while unwinding would abort the compiler and hide the
        // first.
        let unread = self.found.borrow().is_some();
        assert!(!unread || thread::panicking(), "errors were not looked at");
    }
}

/// Tokens as a person would type them, for the corrected text in a message.
/// The compiler's own printing puts a space between most tokens.
pub(crate) fn typed(tokens: impl ToTokens) -> String {
    let mut text = tokens.into_token_stream().to_string();
    for (printed, typed) in [
        (" :: ", "::"),
        (":: ", "::"),
        (" < ", "<"),
        ("< ", "<"),
        (" >", ">"),
        (" ,", ","),
        (" : ", ": "),
        ("& ", "&"),
        (" . ", "."),
        (" (", "("),
        ("( ", "("),
        (" )", ")"),
        (" !", "!"),
    ] {
        text = text.replace(printed, typed);
    }
    text
}
