//! The annotated function, as far as the attribute has to understand it.

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};
use syn::{
    Attribute, Error, Signature, Token, Visibility,
    parse::{Parse, ParseStream, Parser},
};

/// A function, a method, or a method of a trait without a body.
pub(crate) struct Function {
    pub(crate) attrs: Vec<Attribute>,
    pub(crate) vis: Visibility,
    pub(crate) sig: Signature,
    pub(crate) body: Body,
}

/// What follows the signature.
///
/// A block is never parsed. It goes into the expansion as the one token group
/// the user wrote, so that a half-typed body gives the compiler's own errors.
pub(crate) enum Body {
    Block {
        /// `#![..]` at the top, which is the function's and not of the block
        /// the expansion makes of its body.
        inner: Vec<Attribute>,
        group: Group,
    },
    Declaration(Token![;]),
}

impl Parse for Function {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        Ok(Self {
            attrs: input.call(Attribute::parse_outer)?,
            vis: input.parse()?,
            sig: input.parse()?,
            body: input.parse()?,
        })
    }
}

impl Parse for Body {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        if input.peek(Token![;]) {
            return input.parse().map(Self::Declaration);
        }
        match input.parse()? {
            TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => {
                Ok(Self::block(group))
            }
            // The invisible brackets of a `$body:block` in `macro_rules!`.
            TokenTree::Group(group) if group.delimiter() == Delimiter::None => {
                syn::parse2(group.stream())
            }
            other => Err(Error::new_spanned(other, "expected the body of a function")),
        }
    }
}

impl Body {
    fn block(group: Group) -> Self {
        let split = |input: ParseStream<'_>| {
            let inner = input.call(Attribute::parse_inner)?;
            Ok((inner, input.parse::<TokenStream>()?))
        };
        match split.parse2(group.stream()) {
            Ok((inner, statements)) if !inner.is_empty() => {
                let mut rest = Group::new(Delimiter::Brace, statements);
                rest.set_span(group.span());
                Self::Block { inner, group: rest }
            }
            _ => Self::Block { inner: Vec::new(), group },
        }
    }

    /// The statements, unread.
    pub(crate) fn tokens(&self) -> TokenStream {
        match self {
            Self::Block { group, .. } => group.stream(),
            Self::Declaration(_) => TokenStream::new(),
        }
    }
}
