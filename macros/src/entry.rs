//! The expansion of both attributes.
//!
//! The user's function moves, whole and under its own name, into a function of the same name that hands it to
//! the runtime: its tokens are untouched, so rustc's errors in it point where the user wrote, and no name of
//! ours is in its scope.

use std::fmt;

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{AttrStyle, Error, ItemFn, Result, ReturnType, Type, Visibility};

use crate::args::{Args, Errors};

/// Which of the two attributes is being expanded.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Entry {
    Main,
    Test,
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Entry::Main => "#[gort::main]",
            Entry::Test => "#[gort::test]",
        })
    }
}

/// Expands `item`, on which the attribute stands with `args`.
///
/// With an error in the arguments the function is expanded all the same, as if there were none: that error
/// is then the only one, not the first of "`main` function not found" and more.
pub(crate) fn expand(entry: Entry, args: TokenStream, item: TokenStream) -> TokenStream {
    let function = match syn::parse2::<ItemFn>(item.clone()) {
        Ok(function) => function,
        Err(error) => {
            // The item as it was: also a half-typed function keeps its completions in an editor.
            let error = error.into_compile_error();
            return quote!(#error #item);
        }
    };
    let (args, wrong_args) = match Args::parse(entry, args) {
        Ok(args) => (args, None),
        Err(error) => (Args::default(), Some(error.into_compile_error())),
    };
    let expanded = match check(entry, &function) {
        Ok(()) => wrap(entry, &args, function),
        Err(error) => {
            let ItemFn { vis, sig, .. } = &function;
            let name = &sig.ident;
            let error = error.into_compile_error();
            quote!(#error #vis fn #name() {})
        }
    };
    quote!(#wrong_args #expanded)
}

/// Refuses what cannot be an entry point.
fn check(entry: Entry, function: &ItemFn) -> Result<()> {
    let sig = &function.sig;
    let mut errors = Errors::default();
    let mut refuse = |what: &dyn ToTokens, why: &str| {
        errors.push(Error::new_spanned(what, format!("a {entry} function {why}")));
    };
    if let Some(word) = &sig.constness {
        refuse(word, "cannot be const");
    }
    if let Some(word) = &sig.unsafety {
        refuse(word, "cannot be unsafe");
    }
    if let Some(words) = &sig.abi {
        refuse(words, "cannot have an ABI");
    }
    if !sig.generics.params.is_empty() {
        refuse(&sig.generics, "cannot be generic");
    }
    if let Some(clause) = &sig.generics.where_clause {
        refuse(clause, "cannot have a where clause");
    }
    if !sig.inputs.is_empty() {
        refuse(&sig.inputs, "takes no arguments");
    } else if let Some(dots) = &sig.variadic {
        refuse(dots, "takes no arguments");
    }
    if entry == Entry::Test
        && let Some(attribute) = function
            .attrs
            .iter()
            .find(|attribute| attribute.path().is_ident("test"))
    {
        refuse(attribute, "is a test already, and would run twice");
    }
    errors.none_or(())
}

/// The function that the compiler or the test harness calls, with the user's inside.
fn wrap(entry: Entry, options: &Args, mut function: ItemFn) -> TokenStream {
    // `#![...]` in the body stays in the body.
    let (inner, outer): (Vec<_>, Vec<_>) = function
        .attrs
        .into_iter()
        .partition(|attribute| matches!(attribute.style, AttrStyle::Inner(_)));
    function.attrs = inner;
    let vis = std::mem::replace(&mut function.vis, Visibility::Inherited);

    let name = &function.sig.ident;
    // An output that no process can exit with is an error at the type that the user wrote.
    let span = Span::call_site().located_at(match &function.sig.output {
        ReturnType::Default => Span::call_site(),
        ReturnType::Type(_, output) => output.span(),
    });
    let body = if function.sig.asyncness.is_some() {
        // The future is made where it is polled, and need not be Send.
        quote_spanned!(span=> || ::gort::__private::block_on(#name()))
    } else {
        quote!(#name)
    };
    match entry {
        Entry::Main => {
            let call = quote_spanned!(span=> ::gort::__private::main(#options, #body));
            quote! {
                #(#outer)*
                #vis fn #name() -> ::std::process::ExitCode {
                    #function
                    #call
                }
            }
        }
        Entry::Test => {
            let path = quote!(::core::concat!(
                ::core::module_path!(),
                "::",
                ::core::stringify!(#name)
            ));
            let call = quote_spanned!(span=> ::gort::__private::test(#options, #path, #body));
            // What the body returned is reported inside the call, so that it need not be Send. rustc accepts
            // #[should_panic] on functions that return () only, so a body that returns () gets such a one.
            let (output, end) = if returns_unit(&function.sig.output) {
                (None, Some(quote!(;)))
            } else {
                (Some(quote!(-> ::std::process::ExitCode)), None)
            };
            quote! {
                #[::core::prelude::v1::test]
                #(#outer)*
                #vis fn #name() #output {
                    #function
                    #call #end
                }
            }
        }
    }
}

fn returns_unit(output: &ReturnType) -> bool {
    match output {
        ReturnType::Default => true,
        ReturnType::Type(_, output) => matches!(&**output, Type::Tuple(tuple) if tuple.elems.is_empty()),
    }
}
