//! The `#[transactional]` attribute of `sqlx-transactional`: depend on that crate.
//! The stages: `options` and `function` read, `validate` judges, `expand` writes.

use proc_macro::TokenStream;

mod body;
mod conflicts;
mod crate_path;
mod errors;
mod expand;
mod function;
mod lifetimes;
mod options;
mod retry;
#[cfg(test)]
mod tests;
mod validate;
mod value;
mod words;

/// The attribute lives in `sqlx-transactional-macros`; use and read about it as
/// `sqlx_transactional::transactional`.
#[proc_macro_attribute]
pub fn transactional(options: TokenStream, item: TokenStream) -> TokenStream {
    expand::expand(options.into(), item.into()).into()
}
