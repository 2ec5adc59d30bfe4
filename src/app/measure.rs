//! What may be called, and when what an environment is made of ends: metrics tell of both, and lines of the log of an end that is near.

use std::iter;
use std::path::Path;
use std::time::SystemTime;

use super::options::EnvironmentOptions;
use crate::auth::ApiKeys;
use crate::handler::Handler;
use crate::http::Interpreter;
use crate::metrics::{CertificateKind, EnvironmentMetrics, SecondKeyKind};
use crate::pki::{CertificateFacts, EndorsedChain, RevocationList};
use crate::server::Environment;
use crate::tls::{Epoch, MaterialSource, MaterialSources};

/// What may be called begins to be counted before it is: of a first failure, too, whoever watches sees a rise.
pub(super) fn what_may_be_called(metrics: &EnvironmentMetrics, interpreter: Option<&Interpreter>) {
    let Some(interpreter) = interpreter else {
        metrics.operation_expected("", "");
        return;
    };
    for operation in interpreter.routes().operations() {
        metrics.operation_expected(operation.product.name(), &operation.name);
    }
    for product in interpreter.routes().products() {
        metrics.second_key_expected(product.name(), interpreter.wants_credential(*product));
    }
}

/// The epoch in force, which was made from `sources`: its number, and when its certificates and revocation lists end, and what is
/// shown to backends.
pub(super) fn material(environment: &Environment, sources: &MaterialSources, options: &EnvironmentOptions) {
    let epoch = environment.tls.current();
    environment.metrics.epoch_installed(epoch.number());

    let ends = certificates(&epoch, sources, options).map(|(kind, file, facts)| (kind, file, facts.not_after));
    environment.metrics.certificates_end(ends);

    let lists = epoch.judge().revocation().lists.lists().iter();
    let lists = lists.map(|list| (file_of(list, &sources.crl).unwrap_or_default(), list.next_update));
    environment.metrics.revocation_lists_end(lists);
}

/// The certificates of an epoch that was made from `sources`, those that backends are shown, and the file of each, where it has one.
pub(super) fn certificates<'e>(
    epoch: &'e Epoch,
    sources: &MaterialSources,
    options: &'e EnvironmentOptions,
) -> impl Iterator<Item = (CertificateKind, String, &'e CertificateFacts)> {
    let anchors = epoch.judge().anchors().anchors().iter().map(|anchor| &anchor.facts);
    let endorsed = epoch.endorsed().map(EndorsedChain::authorities).unwrap_or_default();
    let endorsed = endorsed.iter().map(|authority| &authority.facts);
    let of = |kind, source| move |facts| (kind, label(source), facts);
    anchors
        .map(of(CertificateKind::ClientCa, Some(&sources.client_ca)))
        .chain(
            epoch.credential().facts().iter().map(of(CertificateKind::ServerChain, Some(&sources.certificate_chain))),
        )
        .chain(endorsed.map(of(CertificateKind::EndorsedChain, sources.endorsed_chain.as_ref())))
        .chain(shown(options))
}

/// The certificates that backends are shown. Several of them may be shown the same ones.
fn shown(options: &EnvironmentOptions) -> impl Iterator<Item = (CertificateKind, String, &CertificateFacts)> {
    backends(options).filter_map(|(_, handler)| handler.shown()).flat_map(|shown| {
        let file = shown.file.as_deref().map(|file| file.display().to_string()).unwrap_or_default();
        shown.facts.iter().map(move |facts| (CertificateKind::BackendClient, file.clone(), facts))
    })
}

/// Where calls go, by name; an empty one is the environment's own.
pub(super) fn backends(options: &EnvironmentOptions) -> impl Iterator<Item = (&str, &Handler)> {
    let named = options.others.iter().flat_map(|others| &others.backends);
    iter::once(("", &options.handler)).chain(named.map(|(name, handler)| (name.as_str(), handler)))
}

/// When the second keys end that are in force.
pub(super) fn second_keys(environment: &Environment, options: &EnvironmentOptions) {
    environment.metrics.second_keys_end(keys(options));
}

/// The second keys that end: the name of each, and when.
pub(super) fn keys(options: &EnvironmentOptions) -> impl Iterator<Item = (SecondKeyKind, String, SystemTime)> {
    let interpreter = options.interpreter.as_deref().map(Interpreter::options);
    let api_keys = interpreter.and_then(|options| options.api_keys.as_ref()).into_iter().flat_map(ApiKeys::listed);
    let api_keys = api_keys.filter_map(|(name, expires)| Some((SecondKeyKind::ApiKey, name.to_owned(), expires?)));
    let endpoint = options.others.as_deref().and_then(|others| others.token_endpoint.as_deref());
    let secrets = endpoint.into_iter().flat_map(crate::auth::token_endpoint::TokenEndpoint::secrets);
    let secret = |(client, name, expires): (&str, &str, Option<SystemTime>)| {
        Some((SecondKeyKind::ClientSecret, format!("{client}/{name}"), expires?))
    };
    api_keys.chain(secrets.filter_map(secret))
}

/// The file that a list was read from, which is one of `sources`.
pub(super) fn file_of(list: &RevocationList, sources: &[MaterialSource]) -> Option<String> {
    // What a list without a file is called in messages is no file.
    sources.iter().filter_map(|source| file(Some(source))).find(|file| *file == list.place.file)
}

/// The file that this names, where it names one.
pub(super) fn file(source: Option<&MaterialSource>) -> Option<String> {
    source.and_then(MaterialSource::file).map(Path::display).map(|path| path.to_string())
}

fn label(source: Option<&MaterialSource>) -> String {
    file(source).unwrap_or_default()
}
