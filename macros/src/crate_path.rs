//! Where the expansion finds the runtime crate.

use proc_macro2::Span;
use syn::{Error, Ident, LitStr, Path, Token, parse::ParseStream};

use crate::errors::typed;

/// The path used when the user names none.
pub(crate) fn default(span: Span) -> Path {
    Path { leading_colon: Some(Token![::](span)), ..Ident::new("sqlx_transactional", span).into() }
}

/// Reads the value of `crate = ::path`.
///
/// A relative path would name another thing in another module, and a macro that
/// writes the attribute does not know which module that is.
pub(crate) fn parse(input: ParseStream<'_>) -> syn::Result<Path> {
    if let Ok(text) = input.fork().parse::<LitStr>() {
        let message = format!("write the path without quotes: `crate = {}`", text.value());
        return Err(input.error(message));
    }
    let path = input.call(Path::parse_mod_style)?;
    let first = &path.segments[0].ident;
    if path.leading_colon.is_some() || first == "crate" || first == "$crate" {
        return Ok(path);
    }
    let written = typed(&path);
    let written = written.trim_start_matches("self::").trim_start_matches("super::");
    let message = format!(
        "write an absolute path, which means the same in every module: `crate = ::{written}`, or \
         `crate = crate::{written}` if it is a module of your own"
    );
    Err(Error::new_spanned(path, message))
}
