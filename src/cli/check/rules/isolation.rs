//! O11: environments have nothing in common.

use std::collections::BTreeSet;

use http::Uri;

use super::Findings;
use super::second_keys::shared_secrets;
use super::settings::url;
use super::stage::Stage;
use crate::cli::check::examined::{Examined, Whole};
use crate::cli::check::report::Finding;
use crate::pki::TrustAnchors;
use crate::pki::identity::Fingerprint;
use crate::settings::TokenIssuerSettings;
use crate::thales::Requirement;

pub(super) fn findings(environment: &Examined<'_>, others: &[&Examined<'_>]) -> Findings {
    let mut findings: Vec<Finding> = others.iter().flat_map(|other| in_common(environment, other)).collect();
    findings.extend(stages(environment));
    if findings.is_empty() && environment.whole.is_some() {
        findings.push(Finding::pass(if others.is_empty() {
            "it is the only environment here, and no name in it tells of another stage".to_owned()
        } else {
            let names: Vec<&str> = others.iter().map(|other| other.name()).collect();
            format!("it has no CA, key, secret, backend or id in common with {}", names.join(", "))
        }));
    }
    findings.into_iter().map(|finding| finding.on(Requirement::O11)).collect()
}

/// What two environments share; what may be meant is a warning, what lets one into the other a failure.
fn in_common(one: &Examined<'_>, other: &Examined<'_>) -> Vec<Finding> {
    let name = other.name();
    let mut findings = Vec::new();
    if let (Some(anchors), Some(of_other)) = (&one.anchors, &other.anchors)
        && !digests(anchors).is_disjoint(&digests(of_other))
    {
        findings.push(Finding::warn(
            format!("client_ca holds a CA that {name} trusts too: by mistake?"),
            "Ask Thales for the Client CA of each environment; where it is the same for both, this is fine.",
        ));
    }
    if let (Some(leaf), Some(of_other)) = (one.chain_facts().first(), other.chain_facts().first())
        && leaf.public_key_der == of_other.public_key_der
    {
        findings.push(Finding::warn(
            format!("the private key is that of {name} as well: who has it can pose as both"),
            "Make a key and a certificate for each environment.",
        ));
    }
    if one.parts.host.is_some() && one.parts.host == other.parts.host {
        findings.push(Finding::warn(
            format!("host is that of {name} as well: only the port tells them apart"),
            "Give each environment a name of its own.",
        ));
    }
    let (Some(whole), Some(of_other)) = (&one.whole, &other.whole) else { return findings };
    findings.extend(shared_secrets(whole.settings, of_other.settings).into_iter().map(|(own, others)| {
        let found = format!("{own} is the same as {others} of {name}: who has the one has the other");
        Finding::fail(found, "Make a new one for each environment.")
    }));
    findings.extend(shared_settings(whole, of_other, name));
    findings
}

fn shared_settings(one: &Whole<'_>, other: &Whole<'_>, name: &str) -> Vec<Finding> {
    let (one, other) = (one.settings, other.settings);
    let mut findings = Vec::new();
    if one.backend.url == other.backend.url {
        findings.push(Finding::warn(
            format!("calls go to {}, as those of {name} do", url(&one.backend.url)),
            "Give each environment a backend of its own, unless this one tells them apart by itself.",
        ));
    }
    if one.customer_id == other.customer_id && one.products.iter().any(|product| other.products.contains(product)) {
        findings.push(Finding::warn(
            format!("customer_id {} is that of {name} as well", one.customer_id),
            "Compare it with what Thales gave you for each environment; where it is the same for both, this is fine.",
        ));
    }
    findings
}

fn digests(anchors: &TrustAnchors) -> BTreeSet<Fingerprint> {
    anchors.anchors().iter().map(|anchor| Fingerprint::of(&anchor.facts.public_key_der)).collect()
}

/// Names in the settings that tell of another stage than the environment's own name.
fn stages(environment: &Examined<'_>) -> Vec<Finding> {
    let Some(own) = Stage::of(environment.name()) else { return Vec::new() };
    hosts(environment).into_iter().filter_map(|(setting, host)| differs(own, setting, &host)).collect()
}

fn differs(own: Stage, setting: &str, host: &str) -> Option<Finding> {
    if let Some(stage) = Stage::of_thales_host(host) {
        return (stage != own).then(|| {
            let found = format!(
                "{setting} is {host}, Thales' host for {}, and the environment is {}",
                stage.name(),
                own.name()
            );
            Finding::fail(found, "Take Thales' host of this environment's own stage.")
        });
    }
    let stage = Stage::of_host(host)?;
    (stage != own).then(|| {
        let found =
            format!("{setting} is {host}, which sounds like {}, and the environment like {}", stage.name(), own.name());
        Finding::warn(found, "Correct it where another environment was copied; a name that misleads is better changed.")
    })
}

/// Every host that the settings name, with the setting.
fn hosts(environment: &Examined<'_>) -> Vec<(&'static str, String)> {
    let mut hosts: Vec<(&'static str, String)> =
        environment.parts.host.iter().map(|host| ("host", host.clone())).collect();
    let of = |uri: &Uri| uri.host().map(str::to_ascii_lowercase);
    if let Some(backend) = &environment.parts.backend {
        hosts.extend(of(&backend.url).map(|host| ("backend.url", host)));
        hosts.extend(backend.events.url.as_ref().and_then(of).map(|host| ("backend.events_url", host)));
    }
    let tokens = environment.whole.as_ref().and_then(|whole| whole.settings.interpreter.tokens.as_ref());
    if let Some(TokenIssuerSettings::IdentityProvider(provider)) = tokens.map(|tokens| &tokens.issuer) {
        let parsed = |text: &str| text.parse::<Uri>().ok().as_ref().and_then(of);
        hosts.extend(parsed(&provider.issuer).map(|host| ("tokens.issuer", host)));
        hosts.extend(provider.jwks_url.as_deref().and_then(parsed).map(|host| ("tokens.jwks_url", host)));
    }
    hosts
}
