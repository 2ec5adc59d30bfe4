//! What to probe, with everything read and checked.

use std::time::Duration;

use rustls_pki_types::{ServerName, UnixTime};

use super::step::{Part, Step};
use super::target::{HTTPS, Target};
use super::{Arguments, server_certificate};
use crate::caller::resolution::{NameServers, ResolutionError, ResolvedName, Resolver};
use crate::caller::{ClientCredential, ServerTrust};
use crate::cli::Error;
use crate::cli::advice::{Shown, Whom};
use crate::cli::tls_files::trust;
use crate::pki::CertificateFacts;
use crate::thales::inbound::{Concern, Endpoint, InboundEnvironment, InboundProduct};

/// One probe, for as many rounds as are wanted.
pub(super) struct Plan {
    pub(super) target: Target,
    pub(super) server_name: ServerName<'static>,
    pub(super) path: String,
    /// Given, or known by the host.
    pub(super) product: Option<InboundProduct>,
    pub(super) environment: Option<InboundEnvironment>,
    pub(super) trust: ServerTrust,
    /// Trusted is what `--server-ca` holds, not what Mozilla trusts.
    pub(super) own_server_ca: bool,
    pub(super) credential: Option<ClientCredential>,
    pub(super) patience: Duration,
    name_servers: NameServers,
}

impl Plan {
    /// # Errors
    /// The arguments do not go together, or a file that they name cannot be used.
    pub(super) fn new(arguments: &Arguments) -> Result<Self, Error> {
        let (target, endpoint) = target(arguments)?;
        if let (Some(address), false) = (target.address(), arguments.allow_address) {
            return Err(format!(
                "{address} is an address: Thales' addresses change, and a call that has one written down fails on that day (I9). \
                 Name the host; for a server that is not Thales' there is --allow-address"
            )
            .into());
        }
        let server_name = target.server_name().ok_or_else(|| format!("{:?} is not a host name", target.host))?;
        let path = arguments.path.clone().or_else(|| target.path.clone());
        let trust = trust(arguments.server_ca.as_deref())?;
        let credential = arguments.client.read()?;
        Ok(Self {
            server_name,
            path: path.unwrap_or_else(|| endpoint.map_or("/", |endpoint| endpoint.base_path).to_owned()),
            product: arguments.product.map(Into::into).or(endpoint.map(|endpoint| endpoint.product)),
            environment: arguments.environment.map(Into::into).or(endpoint.map(|endpoint| endpoint.environment)),
            trust,
            own_server_ca: arguments.server_ca.is_some(),
            credential,
            patience: arguments.timeout,
            name_servers: arguments.dns.map_or(NameServers::System, NameServers::One),
            target,
        })
    }

    /// The name to be resolved; `None` = an address was given.
    pub(super) fn name(&self) -> Result<Option<ResolvedName>, ResolutionError> {
        if self.target.address().is_some() {
            return Ok(None);
        }
        let resolver = Resolver::new(self.name_servers, self.patience)?;
        Ok(Some(ResolvedName::new(resolver, self.target.host.trim_end_matches('.'))))
    }

    /// Who is called.
    pub(super) fn whom(&self) -> Whom {
        Whom::Thales(self.product)
    }

    /// What there is to show; `wanted` = the CAs whose certificates the server asked for, `None` = it asked for none.
    pub(super) fn shown(&self, wanted: Option<Vec<String>>, now: UnixTime) -> Shown {
        Shown::new(self.credential.as_ref(), wanted, now)
    }

    /// What the client certificate says of itself, before anybody is called.
    pub(super) fn own_certificate(&self, now: UnixTime) -> Vec<Step> {
        let Some(leaf) = self.credential.as_ref().and_then(|credential| credential.chain().first()) else {
            return Vec::new();
        };
        let facts = match CertificateFacts::from_der(leaf) {
            Ok(facts) => facts,
            Err(error) => {
                return vec![Step::failure(
                    Part::OwnCertificate,
                    error.to_string(),
                    "copy it again from where it came",
                )];
            }
        };
        let concerns = Concern::all(&facts, self.product, self.environment, now);
        let days = facts.not_after.as_secs().saturating_sub(now.as_secs()) / (24 * 60 * 60);
        let mut steps: Vec<Step> = concerns.into_iter().map(Step::of_concern).collect();
        if steps.is_empty() {
            let rules = match self.product {
                Some(product) => format!("; as {product} wants it, as far as can be told"),
                None => "; name --product to hold it against Thales' rules".to_owned(),
            };
            let found = format!("{}, {}, {days} days left{rules}", facts.subject, facts.key);
            steps.push(Step::good(Part::OwnCertificate, found));
        }
        let shown = server_certificate::certificate(&facts);
        steps.into_iter().map(|step| step.with_facts(shown.clone())).collect()
    }
}

/// Where to call, and the endpoint of Thales that this is, where it is one.
fn target(arguments: &Arguments) -> Result<(Target, Option<&'static Endpoint>), Error> {
    let product: Option<InboundProduct> = arguments.product.map(Into::into);
    let environment: Option<InboundEnvironment> = arguments.environment.map(Into::into);
    let endpoint = match (product, environment) {
        (Some(product), Some(environment)) => Some(Endpoint::of(product, environment).ok_or_else(|| {
            let its: Vec<_> = product.environments().map(InboundEnvironment::name).collect();
            format!("{product} has no {environment}: write --environment {}", its.join(" or "))
        })?),
        _ => None,
    };
    match (&arguments.host, endpoint) {
        (Some(target), endpoint) => {
            let known = Endpoint::at(&target.host);
            let fits = |known: &Endpoint| {
                product.is_none_or(|product| product == known.product)
                    && environment.is_none_or(|environment| environment == known.environment)
            };
            if let Some(known) = known.filter(|known| !fits(known)) {
                let (product, environment) = (known.product, known.environment);
                return Err(format!(
                    "{} is {product} in {environment}: leave --product and --environment out, or name the host that you mean",
                    target.host
                )
                .into());
            }
            Ok((target.clone(), known.or(endpoint)))
        }
        (None, Some(endpoint)) => {
            Ok((Target { host: endpoint.host.to_owned(), port: HTTPS, path: None }, Some(endpoint)))
        }
        (None, None) => {
            Err("what is to be probed? Name a host, or --product with --environment for Thales' own".into())
        }
    }
}
