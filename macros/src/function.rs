//! The annotated function, as far as the attribute has to understand it.

use proc_macro2::{Delimiter, Group, TokenTree};
use syn::parse::{Parse, ParseStream, Parser};
use syn::{Attribute, Error, Result, Signature, Visibility};

/// A function, a method, or a method of a trait without a body.
pub(crate) struct Function {
    pub(crate) attrs: Vec<Attribute>,
    pub(crate) vis: Visibility,
    pub(crate) sig: Signature,
    /// `#![..]` at the top of the body, which is the function's and not of the
    /// block the expansion makes of it.
    pub(crate) inner: Vec<Attribute>,
    /// Braces, or the semicolon of a declaration.
    ///
    /// What is between the braces is never parsed. It goes into the expansion as
    /// the one token group the user wrote, so that a half-typed body gives the
    /// compiler's own errors.
    pub(crate) body: TokenTree,
}

impl Parse for Function {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let attrs = input.call(Attribute::parse_outer)?;
        let (vis, sig, mut body) = (input.parse()?, input.parse()?, input.parse()?);
        // The invisible brackets of a `$body:block` in `macro_rules!`.
        while let TokenTree::Group(group) = &body
            && group.delimiter() == Delimiter::None
        {
            body = syn::parse2(group.stream())?;
        }
        let mut inner = Vec::new();
        match &mut body {
            TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => {
                let split = |input: ParseStream<'_>| {
                    inner = input.call(Attribute::parse_inner)?;
                    input.parse()
                };
                let statements = split.parse2(group.stream());
                if !inner.is_empty() {
                    let span = group.span();
                    *group = Group::new(Delimiter::Brace, statements?);
                    group.set_span(span);
                }
            }
            TokenTree::Punct(semicolon) if semicolon.as_char() == ';' => {}
            other => return Err(Error::new_spanned(other, "expected the body of a function")),
        }
        Ok(Self { attrs, vis, sig, inner, body })
    }
}
