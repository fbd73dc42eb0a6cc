//! The new function.

use std::mem;

use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote, quote_spanned};
use syn::{
    Attribute, FnArg, Pat, PatType, ReturnType, Signature, Type, ext::IdentExt, spanned::Spanned,
};

use crate::validate::{self, Parameter};
use crate::{errors::Errors, function::Function, lifetimes, options::Options, retry};

/// The attribute, from what stands in its brackets and below it.
pub(crate) fn expand(options: TokenStream, item: TokenStream) -> TokenStream {
    let errors = Errors::new();
    let options = Options::parse(options, &errors);
    let output = match syn::parse2(item.clone()) {
        Ok(function) => Expansion::write(function, options, &errors).unwrap_or(item),
        Err(error) => {
            errors.add(validate::not_a_function(&item, error));
            item
        }
    };
    let errors = errors.finish();
    quote!(#output #errors)
}

/// What an expansion is made of.
///
/// Spans decide where the compiler's own errors point. Code about the handle
/// carries the span of its type, code about the outcome that of the result
/// type, each unchanged: an error then stands at the user's token, and is not
/// printed a second time as one of the attribute. Locals alone have the
/// attribute's hygiene, so that no name of the user's can mean them.
pub(crate) struct Expansion {
    pub(crate) function: Function,
    pub(crate) parameter: Parameter,
    pub(crate) options: Options,
    /// Whether there is all that a run needs.
    can_run: bool,
}

impl Expansion {
    // Input:
    //     async fn rename(tx: &mut DbTx<'_>, id: &str) -> Result<u64, AppError> { statements }
    //
    // Output:
    //     async fn rename(
    //         mut tx: impl Begin<AccessOf<DbTx<'static>>>,
    //         id: &str,
    //     ) -> Result<u64, AppError> { .. }
    //
    // With `on` the parameter is gone. For what stands between the braces see
    // `run`, or `check` if something is missing that it needs.
    fn write(mut function: Function, options: Options, errors: &Errors) -> Option<TokenStream> {
        let before = errors.count();
        let parameter = validate::function(&mut function, &options, errors)?;
        let is_placed = options.has_tried("on") == options.find("on").is_some();
        let can_run = errors.count() == before && is_placed;
        let this = Self { function, parameter, options, can_run };
        let Function { attrs, vis, sig, inner, body } = &this.function;
        let public = this.signature();
        let body = match body {
            TokenTree::Group(group) => {
                let statements = match &sig.output {
                    ReturnType::Type(_, result) if can_run => this.run(result, group),
                    _ => this.check(group),
                };
                let mut block = Group::new(Delimiter::Brace, quote!(#(#inner)* #statements));
                block.set_span(group.span());
                block.into_token_stream()
            }
            semicolon => semicolon.to_token_stream(),
        };
        Some(quote!(#(#attrs)* #vis #public #body))
    }

    fn signature(&self) -> Signature {
        let (mut sig, index) = (self.function.sig.clone(), self.parameter.index);
        if self.can_run && self.options.find("retry").is_some() {
            retry::lend(&mut sig, index, &self.options);
        }
        lifetimes::remove_orphans(&mut sig, index, &self.function.body.to_token_stream());
        if self.options.has_tried("on") {
            let inputs = mem::take(&mut sig.inputs).into_pairs().enumerate();
            let others = inputs.filter(|(at, _)| *at != index);
            sig.inputs = others.map(|(_, input)| input).collect();
        } else {
            sig.inputs[index] = FnArg::Typed(self.public_parameter());
        }
        sig
    }

    /// The parameter that callers see.
    fn public_parameter(&self) -> PatType {
        let (krate, access, place) =
            (self.options.krate(self.at()), self.access(self.at()), self.place());
        let bound = self.options.find("outermost");
        let bound = Ident::new(bound.map_or("Begin", |_| "Outermost"), self.at());
        let mut public = self.parameter.typed.clone();
        *public.ty = Type::Verbatim(quote_spanned!(self.at()=> impl #krate::#bound<#access>));
        if let TokenTree::Group(_) = self.function.body {
            public.attrs.retain(|attr| !is_lint_level(attr));
            // The user's span lets errors about borrows name the variable.
            *public.pat = Pat::Verbatim(quote_spanned!(place.span()=> mut #place));
        }
        public
    }

    /// Where the type of the handle stands.
    pub(crate) fn at(&self) -> Span {
        self.parameter.handle.span()
    }

    /// The variable that holds the place to begin.
    pub(crate) fn place(&self) -> Ident {
        match (&*self.parameter.typed.pat, self.options.find("on")) {
            // Other attributes may refer to the parameter by its name.
            (Pat::Ident(pat), None) => pat.ident.clone(),
            (_, on) => local("__place", on.map_or(self.at(), |on| on.value.span())),
        }
    }

    /// The name of the transaction in traces.
    pub(crate) fn name(&self) -> TokenStream {
        if let Some(name) = self.options.find("name") {
            return name.value.clone();
        }
        let function = format!("::{}", self.function.sig.ident.unraw());
        quote!(::core::concat!(::core::module_path!(), #function))
    }

    /// The access of the handle, which depends on no lifetime.
    pub(crate) fn access(&self, at: Span) -> TokenStream {
        let krate = self.options.krate(at);
        let handle = lifetimes::replaced(&self.parameter.handle, "'static");
        quote_spanned!(at=> #krate::AccessOf<#handle>)
    }
}

/// A variable of the expansion.
pub(crate) fn local(name: &str, at: Span) -> Ident {
    Ident::new(name, Span::mixed_site().located_at(at))
}

/// Lint levels are about the variable in the body; other attributes of the
/// parameter, `cfg` for one, stay where they are.
pub(crate) fn is_lint_level(attribute: &Attribute) -> bool {
    let levels = ["allow", "warn", "deny", "forbid", "expect"];
    levels.iter().any(|level| attribute.path().is_ident(level))
}
