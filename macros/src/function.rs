//! The annotated function, as far as the attribute has to understand it.

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::{
    Attribute, Error, Signature, Token, Visibility,
    parse::{Parse, ParseStream},
};

/// A function item, a method, or a method of a trait without a body.
#[derive(Clone)]
pub(crate) struct Function {
    pub(crate) attrs: Vec<Attribute>,
    pub(crate) vis: Visibility,
    pub(crate) sig: Signature,
    pub(crate) body: Body,
}

/// What follows the signature.
///
/// A block is never parsed: it goes into the expansion as the one token group
/// the user wrote, so that a half-typed body gives the compiler's own errors.
#[derive(Clone)]
pub(crate) enum Body {
    Block {
        /// `#![..]` at the top, which belongs to the function and not to the
        /// block the expansion makes of its body.
        inner: TokenStream,
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
        let mut body = input.parse::<TokenTree>()?;
        loop {
            body = match body {
                TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => {
                    return Ok(Self::block(group));
                }
                // The invisible brackets of a `$body:block` in `macro_rules!`.
                TokenTree::Group(group) if group.delimiter() == Delimiter::None => {
                    syn::parse2(group.stream())?
                }
                other => return Err(Error::new_spanned(other, "expected the body of a function")),
            }
        }
    }
}

impl Body {
    /// The statements, unread.
    pub(crate) fn tokens(&self) -> TokenStream {
        match self {
            Self::Block { group, .. } => group.stream(),
            Self::Declaration(_) => TokenStream::new(),
        }
    }

    fn block(group: Group) -> Self {
        let mut rest = group.stream().into_iter().peekable();
        let mut inner = TokenStream::new();
        // `#` can begin an outer attribute of the first statement as well, so
        // the `!` decides, and a clone is read ahead.
        loop {
            let mut ahead = rest.clone();
            match (ahead.next(), ahead.next(), ahead.next()) {
                (
                    Some(TokenTree::Punct(hash)),
                    Some(TokenTree::Punct(bang)),
                    Some(TokenTree::Group(attribute)),
                ) if hash.as_char() == '#'
                    && bang.as_char() == '!'
                    && attribute.delimiter() == Delimiter::Bracket =>
                {
                    inner.extend(quote!(#hash #bang #attribute));
                    rest = ahead;
                }
                _ => break,
            }
        }
        if inner.is_empty() {
            return Self::Block { inner, group };
        }
        let mut shorter = Group::new(Delimiter::Brace, rest.collect());
        shorter.set_span(group.span());
        Self::Block {
            inner,
            group: shorter,
        }
    }
}

impl ToTokens for Function {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        let Self {
            attrs,
            vis,
            sig,
            body,
        } = self;
        tokens.extend(quote!(#(#attrs)* #vis #sig));
        match body {
            Body::Block { inner, group } if inner.is_empty() => group.to_tokens(tokens),
            Body::Block { inner, group } => {
                let statements = group.stream();
                let mut whole = Group::new(Delimiter::Brace, quote!(#inner #statements));
                whole.set_span(group.span());
                whole.to_tokens(tokens);
            }
            Body::Declaration(semicolon) => semicolon.to_tokens(tokens),
        }
    }
}
