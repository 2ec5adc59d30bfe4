//! What Thales demands of the certificate that a customer calls it with (I1 to I6).

use std::time::Duration;

use rustls_pki_types::UnixTime;

use super::{InboundEnvironment, InboundProduct};
use crate::pki::CertificateFacts;
use crate::pki::distinguished_name::{attributes, printable};
use crate::pki::facts::{PublicKey, minute};
use crate::thales::Requirement;
use crate::thales::client_identity::{CommonName, EnvironmentCode, MOST_DAYS};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// An operator is warned this long before a certificate expires: to renew one takes Thales' cooperation.
const EXPIRY_WARNING: Duration = Duration::from_secs(30 * DAY.as_secs());

/// Two years at most (I6), one of which may be a leap year here: whoever else made it may count so.
const MERCHANT_VALIDITY: Duration = Duration::from_secs((MOST_DAYS + 1) * DAY.as_secs());

/// Something about a client certificate that somebody has to look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Concern {
    /// The requirement that it is about.
    pub requirement: Requirement,
    /// How bad it is.
    pub gravity: Gravity,
    /// What was found.
    pub found: String,
    /// What to do.
    pub to_do: String,
}

/// How bad a concern is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Gravity {
    /// It works today.
    Warning,
    /// Thales refuses it.
    Failure,
}

impl Concern {
    /// All that is to be said against a certificate as a product's client at `now`. Where product or environment is not known, what
    /// holds for all of them is looked at.
    #[must_use]
    pub fn all(
        facts: &CertificateFacts,
        product: Option<InboundProduct>,
        environment: Option<InboundEnvironment>,
        now: UnixTime,
    ) -> Vec<Self> {
        let mut concerns = Vec::new();
        validity(facts, product, now, &mut concerns);
        concerns.extend(purpose(facts));
        if let Some(product) = product {
            concerns.extend(issuer(facts, product));
            concerns.extend(key(&facts.key, product));
            common_name(facts, product, environment, &mut concerns);
        }
        concerns
    }
}

fn failure(requirement: Requirement, found: String, to_do: &str) -> Concern {
    Concern { requirement, gravity: Gravity::Failure, found, to_do: to_do.to_owned() }
}

fn warning(requirement: Requirement, found: String, to_do: &str) -> Concern {
    Concern { requirement, gravity: Gravity::Warning, found, to_do: to_do.to_owned() }
}

fn renewal(product: Option<InboundProduct>) -> &'static str {
    match product {
        Some(InboundProduct::Merchant) => {
            "make a new one (issuer-host client-cert), and have Thales endorse it before the old one ends"
        }
        Some(_) => "send Thales a new CSR with the same subject (issuer-host csr)",
        None => "renew it: a new CSR with the same subject, or for merchant tokenization a new certificate",
    }
}

fn validity(facts: &CertificateFacts, product: Option<InboundProduct>, now: UnixTime, concerns: &mut Vec<Concern>) {
    let (from, to) = (facts.not_before, facts.not_after);
    let left = Duration::from_secs(to.as_secs().saturating_sub(now.as_secs()));
    if now > to {
        concerns.push(failure(Requirement::I6, format!("it expired at {}", minute(to)), renewal(product)));
    } else if now < from {
        let to_do = "wait until then; where that is now, set this machine's clock";
        concerns.push(failure(Requirement::I6, format!("it is not valid before {}", minute(from)), to_do));
    } else if left < EXPIRY_WARNING {
        let found = format!("it expires in {} days, at {}", left.as_secs() / DAY.as_secs(), minute(to));
        concerns.push(warning(Requirement::I6, found, renewal(product)));
    }
    let whole = to.as_secs().saturating_sub(from.as_secs());
    if product == Some(InboundProduct::Merchant) && whole > MERCHANT_VALIDITY.as_secs() {
        let found =
            format!("it is valid for {} days; merchant tokenization takes 2 years at most", whole / DAY.as_secs());
        concerns.push(failure(
            Requirement::I6,
            found,
            "make one that ends sooner (issuer-host client-cert --days 730)",
        ));
    }
}

fn purpose(facts: &CertificateFacts) -> Option<Concern> {
    if facts.is_ca {
        let to_do = "show the certificate of your client, not that of a CA";
        return Some(failure(Requirement::I1, "it is the certificate of a CA".to_owned(), to_do));
    }
    if facts.extended_key_usage.is_some_and(|usage| !usage.client_auth) {
        let found = "it is not made for TLS clients: its extendedKeyUsage lacks clientAuth".to_owned();
        return Some(failure(Requirement::I1, found, "is this your server certificate? Name the client's"));
    }
    None
}

fn issuer(facts: &CertificateFacts, product: InboundProduct) -> Option<Concern> {
    match (product, facts.self_issued) {
        (InboundProduct::Merchant, false) => {
            let found = format!("it was issued by {}; merchant tokenization takes self-signed ones", facts.issuer);
            Some(warning(Requirement::I1, found, "make a self-signed one (issuer-host client-cert), or ask Thales"))
        }
        (InboundProduct::XPay | InboundProduct::D1, true) => {
            let found = format!("it is self-signed; {product} takes what the Thales CA has signed");
            Some(failure(Requirement::I1, found, "send Thales a CSR (issuer-host csr), and use what comes back"))
        }
        _ => None,
    }
}

fn key(key: &PublicKey, product: InboundProduct) -> Option<Concern> {
    let service = product.service();
    let found = || format!("its key is {key}; {service} takes {}", service.key_names());
    let to_do = "make a new key of that kind, and a new certificate for it";
    service.admits(key).is_err().then(|| failure(Requirement::I2, found(), to_do))
}

/// `TLSMA-RSA/<id>/TSH/TSP.PPR` and the like (I4, I5). Of D1 the beginning alone is published; the merchant's is as the portal says.
fn common_name(
    facts: &CertificateFacts,
    product: InboundProduct,
    environment: Option<InboundEnvironment>,
    concerns: &mut Vec<Concern>,
) {
    const TO_DO: &str = "use the CN that Thales gave, in a new CSR (issuer-host csr)";
    if product == InboundProduct::Merchant {
        return;
    }
    let subject = attributes(&facts.subject_der);
    let name = subject.iter().find(|attribute| attribute.kind == "CN").map(|attribute| attribute.value.as_str());
    let name = name.unwrap_or_default();
    let shown = if name.is_empty() { "missing".to_owned() } else { printable(name.as_bytes()) };
    let beginning = CommonName::beginning(&facts.key);
    let rest = name.strip_prefix(&beginning);
    let complete = rest.is_some_and(|rest| match product {
        InboundProduct::XPay => rest.split_once("/TSH/").is_some_and(|(id, _)| !id.is_empty() && !id.contains('/')),
        _ => !rest.is_empty(),
    });
    if !complete {
        let pattern = if product == InboundProduct::XPay { "<tspId>/TSH/TSP.<env>" } else { "<merchantGatewayId>..." };
        let found = format!("its CN is {shown}; with this key it has to be {beginning}{pattern}");
        concerns.push(failure(Requirement::I4, found, TO_DO));
        return;
    }
    let told = EnvironmentCode::ALL.into_iter().find(|one| name.ends_with(&format!(".{}", one.code())));
    match (told, environment) {
        (Some(told), Some(environment)) if environment.code() != Some(told) => {
            let found = format!("its CN {shown} is for {}, and the host that is called is {environment}", told.title());
            concerns.push(failure(Requirement::I5, found, "call the other host, or show the other certificate"));
        }
        (None, _) if product == InboundProduct::XPay => {
            let found = format!("its CN {shown} ends in neither .PPR (pre-production) nor .PRD (production)");
            concerns.push(warning(Requirement::I5, found, TO_DO));
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests;
