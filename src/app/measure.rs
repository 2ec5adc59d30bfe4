//! What metrics tell of an environment as it is: when what ends.

use std::path::Path;
use std::time::SystemTime;

use super::options::EnvironmentOptions;
use crate::auth::ApiKeys;
use crate::metrics::{CertificateKind, SecondKeyKind};
use crate::pki::{EndorsedChain, RevocationList};
use crate::server::Environment;
use crate::tls::{MaterialSource, MaterialSources};

/// The epoch in force, which was made from `sources`: its number, and when its certificates and revocation lists end.
pub(super) fn material(environment: &Environment, sources: &MaterialSources) {
    let epoch = environment.tls.current();
    environment.metrics.epoch_installed(epoch.number());

    let anchors = epoch.judge().anchors().anchors().iter().map(|anchor| anchor.facts.not_after);
    let chain = epoch.credential().facts().iter().map(|facts| facts.not_after);
    let endorsed = epoch.endorsed().map(EndorsedChain::authorities).unwrap_or_default();
    let endorsed = endorsed.iter().map(|authority| authority.facts.not_after);
    let anchors = anchors.map(|end| (CertificateKind::ClientCa, label(Some(&sources.client_ca)), end));
    let chain = chain.map(|end| (CertificateKind::ServerChain, label(Some(&sources.certificate_chain)), end));
    let endorsed = endorsed.map(|end| (CertificateKind::EndorsedChain, label(sources.endorsed_chain.as_ref()), end));
    environment.metrics.certificates_end(anchors.chain(chain).chain(endorsed));

    let lists = epoch.judge().revocation().lists.lists().iter();
    let lists = lists.map(|list| (file_of(list, &sources.crl).unwrap_or_default(), list.next_update));
    environment.metrics.revocation_lists_end(lists);
}

/// When the second keys end that are in force.
pub(super) fn second_keys(environment: &Environment, options: &EnvironmentOptions) {
    let interpreter = options.interpreter.as_deref().map(crate::http::Interpreter::options);
    let api_keys = interpreter.and_then(|options| options.api_keys.as_ref()).into_iter().flat_map(ApiKeys::listed);
    let api_keys = api_keys.filter_map(|(name, expires)| Some((SecondKeyKind::ApiKey, name.to_owned(), expires?)));
    let endpoint = options.others.as_deref().and_then(|others| others.token_endpoint.as_deref());
    let secrets = endpoint.into_iter().flat_map(crate::auth::token_endpoint::TokenEndpoint::secrets);
    let secret = |(client, name, expires): (&str, &str, Option<SystemTime>)| {
        Some((SecondKeyKind::ClientSecret, format!("{client}/{name}"), expires?))
    };
    environment.metrics.second_keys_end(api_keys.chain(secrets.filter_map(secret)));
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
