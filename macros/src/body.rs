//! What stands between the braces of the new function.

use proc_macro2::{Group, Ident, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::visit_mut::{self, VisitMut};
use syn::{Type, parse_quote_spanned, spanned::Spanned};

use crate::expand::{Expansion, is_lint_level, local};
use crate::{lifetimes, options::Given, retry};

/// Names variables of the expansion.
macro_rules! locals {
    ($at:expr; $($name:ident),*) => {
        $(let $name = local(concat!("__", stringify!($name)), $at);)*
    };
}

impl Expansion {
    // Output:
    //     let __place = &(self.pool);           // these two only with `on = self.pool`
    //     let mut __place = on(__place).place();
    //     let __options = Options::new("..").timeout(5000);
    //     let mut __handle = begin::<AccessOf<DbTx<'static>>, _>(&mut tx, __options);
    //     let __ran = { .. };                   // see `attempt`
    //     end::<AccessOf<DbTx<'static>>, _>(__handle, &mut __bounds, __ran).await
    //
    // With `retry` the lines from the third on are:
    //     let __options = Options::new("..").retry();
    //     let mut __attempts = Attempts::new(__options);
    //     loop {
    //         let mut __handle = begin::<AccessOf<DbTx<'static>>, _>(&mut tx, __attempts.options());
    //         let __ran = { .. };
    //         let __ended = __attempts
    //             .end::<AccessOf<DbTx<'static>>, _>(__handle, &mut __bounds, __ran).await;
    //         if let Some(__returned) = __ended {
    //             break __returned;
    //         }
    //     }
    pub(crate) fn run(&self, result: &Type, body: &Group) -> TokenStream {
        let (access, place, chosen) = (self.access(self.at()), self.injected(), self.chosen());
        locals!(self.at(); options);
        let first = quote_spanned!(self.at()=> #place let #options = #chosen;);
        let at = result.span();
        let krate = self.options.krate(at);
        locals!(at; handle, bounds, ran, attempts, ended, returned);
        let Some(retry) = self.options.find("retry") else {
            let attempt = self.attempt(&quote!(#options), result, body);
            return quote_spanned! {at=>
                #first
                #attempt
                #krate::__private::end::<#access, _>(#handle, &mut #bounds, #ran).await
            };
        };
        let attempt = self.attempt(&quote_spanned!(self.at()=> #attempts.options()), result, body);
        let (at_retry, krate) = (retry.word.span(), self.options.krate(retry.word.span()));
        let new = quote_spanned!(at_retry=> #krate::__private::Attempts::new(#options));
        quote_spanned! {at=>
            #first
            let mut #attempts = #new;
            loop {
                #attempt
                let #ended = #attempts.end::<#access, _>(#handle, &mut #bounds, #ran).await;
                if let ::core::option::Option::Some(#returned) = #ended {
                    break #returned;
                }
            }
        }
    }

    /// The place that `on` gives, evaluated once.
    fn injected(&self) -> Option<TokenStream> {
        let on = &self.options.find("on")?.value;
        let (at, place) = (on.span(), self.place());
        let (krate, access) = (self.options.krate(self.at()), self.access(self.at()));
        // Without a parameter, nothing else asks for the bound.
        let outermost = self.options.find("outermost").map(|_| {
            let kind = quote_spanned!(at=> _);
            quote! {{
                fn outermost<A: #krate::Access, B: #krate::Outermost<A>>(_: &B) {}
                outermost::<#access, #kind>(&#place);
            }}
        });
        if on.to_string().starts_with('&') {
            return Some(quote!(let mut #place = #on; #outermost));
        }
        Some(quote_spanned! {at=>
            let #place = &(#on);
            let mut #place = #krate::__private::on(#place).place();
            #outermost
        })
    }

    /// The options of the function, as the run time takes them.
    fn chosen(&self) -> TokenStream {
        let (krate, name) = (self.options.krate(self.at()), self.name());
        let mut chosen = quote!(#krate::__private::Options::new(#name));
        for option in &self.options.given {
            let Given { word, value, .. } = option;
            let at = word.span();
            let (krate, access) = (self.options.krate(at), self.access(at));
            chosen.extend(match &*word.to_string() {
                "isolation" => quote_spanned!(at=> .#word(#krate::Isolation::#value)),
                "deferrable" | "resolvable" => quote_spanned!(at=> .#word::<#access>()),
                "immediate" | "deferred" | "exclusive" | "idle_timeout" => {
                    quote_spanned! {at=>
                        .#word::<<#access as #krate::Access>::Database>(#value)
                    }
                }
                "retry" => quote_spanned!(at=> .#word()#value),
                "on" | "outermost" | "settings" | "commit_on" | "rollback_on" | "key" | "name"
                | "crate" => continue,
                _ => option.call(),
            });
        }
        chosen
    }

    // Output:
    //     let mut __handle = begin::<AccessOf<DbTx<'static>>, _>(&mut tx, __options);
    //     set::<AccessOf<DbTx<'static>>>(&mut __handle, "app.user_id", &(user));
    //     let mut __bounds = bounds::<AccessOf<DbTx<'static>>>(&mut __handle, __options);
    //     let __ran = {
    //         let tx: &mut DbTx<'_> = &mut __handle;
    //         let title = again(&title);        // with `retry`, each argument
    //         run(&mut __bounds, pin!(async move {
    //             if false { return declared::<Result<u64, AppError>>(); }
    //             '__body: { statements }
    //         })).await
    //     };
    //     let __ran = judge(__ran, ..);         // see `judged`
    //
    // The `return` that is never taken lets the declared type drive inference
    // and coercion in the body; the label keeps the body a block of its own, as
    // the lints about blocks expect; `pin!` keeps the future from being moved,
    // which would store the arguments twice. With `key` the handle comes into the
    // body as it is, and the key is written before `tx` is bound to it.
    fn attempt(&self, chosen: &TokenStream, result: &Type, body: &Group) -> TokenStream {
        let (at, place, access) = (self.at(), self.place(), self.access(self.at()));
        let krate = self.options.krate(at);
        locals!(at; handle);
        let at_place = self.options.find("on").map_or(at, |on| on.value.span());
        let kind = quote_spanned!(at_place=> _);
        let start = quote_spanned!(at_place=> &mut #place);
        let begin = quote_spanned! {at=>
            let mut #handle = #krate::__private::begin::<#access, #kind>(#start, #chosen);
        };
        let borrowed = quote_spanned!(at=> &mut #handle);
        let (settings, set) = (&self.options.settings, self.set());
        let mut sig = self.function.sig.clone();
        let retry = self.options.find("retry");
        let clones = retry.map(|_| retry::lend(&mut sig, self.parameter.index, &self.options));

        let at = result.span();
        let (krate, declared) = (self.options.krate(at), nameable(result));
        locals!(at; handle, ran, bounds, options, key, lent, failed);
        let mut tx = self.bind(&borrowed);
        let mut first = None;
        if let Some(Given { value: expr, .. }) = self.options.find("key") {
            let bind = self.bind(&lent.to_token_stream());
            first = Some(quote_spanned! {at=>
                if let ::core::option::Option::Some(#failed) =
                    #krate::__private::claim::<#access, #declared>(&mut *#lent, #key).await
                {
                    return #failed;
                }
                #bind
            });
            tx = quote_spanned! {expr.span()=>
                let #key = #krate::__private::key(&(#expr));
                let #lent = #borrowed;
            };
        }
        let body = quote_spanned! {body.span()=> {
            if false {
                return #krate::__private::declared::<#declared>();
            }
            #first
            '__body: #body
        }};
        let judged = self.judged(&handle, &ran, &declared);
        quote_spanned! {at=>
            #begin
            #(#set(&mut #handle, #settings);)*
            let mut #bounds = #krate::__private::bounds::<#access>(&mut #handle, #options);
            let #ran = {
                #tx
                #clones
                #krate::__private::run(&mut #bounds, ::core::pin::pin!(async move #body)).await
            };
            #judged
        }
    }

    /// What is called with each setting.
    fn set(&self) -> Option<TokenStream> {
        let at = self.options.find("settings")?.word.span();
        let (krate, access) = (self.options.krate(at), self.access(at));
        Some(quote_spanned!(at=> #krate::__private::set::<#access>))
    }

    // Output:
    //     let __ran = judge::<AccessOf<DbTx<'static>>, _>(
    //         &mut __handle,
    //         __ran,
    //         |__returned: &Result<u64, AppError>| match __returned {
    //             Ok(0) => Verdict::RollBack,
    //             Err(AppError::Full) => Verdict::Commit,
    //             _ => Verdict::Usual,
    //         },
    //     );
    fn judged(&self, handle: &Ident, ran: &Ident, declared: &Type) -> Option<TokenStream> {
        let arms = [("rollback_on", "RollBack"), ("commit_on", "Commit")];
        let arms = arms.into_iter().filter_map(|(name, verdict)| {
            let rule = self.options.find(name)?;
            let (at, pattern) = (rule.word.span(), &rule.value);
            let (krate, verdict) = (self.options.krate(at), Ident::new(verdict, at));
            let arm = quote_spanned!(at=> #pattern => #krate::__private::Verdict::#verdict,);
            Some((at, arm))
        });
        let (spans, arms): (Vec<_>, Vec<_>) = arms.unzip();
        let at = *spans.first()?;
        let (krate, access) = (self.options.krate(at), self.access(at));
        let returned = local("__returned", at);
        // Where a rule covers everything, what it leaves over is not the user's.
        let usual = quote_spanned!(Span::mixed_site().located_at(at)=> _);
        Some(quote_spanned! {at=>
            let #ran = #krate::__private::judge::<#access, _>(
                &mut #handle,
                #ran,
                |#returned: &#declared| match #returned {
                    #(#arms)*
                    #usual => #krate::__private::Verdict::Usual,
                },
            );
        })
    }

    // Output:
    //     let _ = &mut tx;
    //     let tx: &mut DbTx<'_> = declared();
    //     '__body: { statements }
    //
    // For a function that will not compile: its body is type-checked all the
    // same, and nothing is said about the outcome.
    pub(crate) fn check(&self, body: &Group) -> TokenStream {
        let (place, krate) = (self.place(), self.options.krate(self.at()));
        let unused = (!self.options.has_tried("on")).then(|| quote!(let _ = &mut #place;));
        let tx = self.bind(&quote!(#krate::__private::declared()));
        quote!(#unused #tx '__body: #body)
    }

    /// The `let` that gives the body its transaction, under the user's pattern.
    fn bind(&self, value: &TokenStream) -> TokenStream {
        let typed = &self.parameter.typed;
        let (pat, colon) = (&typed.pat, typed.colon_token);
        let attrs = typed.attrs.iter().filter(|attr| is_lint_level(attr));
        let handle = lifetimes::replaced(&self.parameter.handle, "'_");
        quote!(#(#attrs)* let #pat #colon &mut #handle = #value;)
    }
}

/// A type as a body can name it: with `_` for each `impl Trait`.
fn nameable(ty: &Type) -> Type {
    struct Infer;
    impl VisitMut for Infer {
        fn visit_type_mut(&mut self, ty: &mut Type) {
            match ty {
                Type::ImplTrait(opaque) => *ty = parse_quote_spanned!(opaque.span()=> _),
                other => visit_mut::visit_type_mut(self, other),
            }
        }
    }
    let mut ty = ty.clone();
    Infer.visit_type_mut(&mut ty);
    ty
}
