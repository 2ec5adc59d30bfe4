//! The chain as it was sent: order, completeness, names, validity, and who trusts it (O8, O9).

use rustls::CertificateError;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};

use super::InspectionOptions;
use crate::caller::ServerTrust;
use crate::pki::CertificateFacts;
use crate::pki::server_credential::ServedChain;

/// What is to be said of a chain.
#[derive(Clone, Debug)]
pub struct ChainSeen {
    /// Order, names, validity, keys.
    pub served: ServedChain,
    /// Who trusts it.
    pub trusted: Trusted,
}

/// Who trusts a chain, validity and name aside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trusted {
    /// Mozilla does.
    Publicly,
    /// The CAs that were given do, which take the place of Mozilla's.
    Privately,
    /// Those that were asked do not; why not.
    Nowhere(String),
}

impl ChainSeen {
    pub(super) fn judge(chain: &[CertificateDer<'static>], options: &InspectionOptions, now: UnixTime) -> Self {
        let host = options.server_name.to_str();
        let served = ServedChain::judge(chain, Some(&*host), now);
        let at = moment(&served.facts, now);
        let (trust, trusted) = match &options.private_trust {
            None => (&ServerTrust::public(), Trusted::Publicly),
            Some(private) => (private, Trusted::Privately),
        };
        let trusted = verdict(trust, chain, &options.server_name, at).map_or_else(Trusted::Nowhere, |()| trusted);
        Self { served, trusted }
    }
}

/// A moment in which the whole chain is valid, as near to `now` as can be: that a certificate has expired is said of it, and not of its CA.
fn moment(facts: &[CertificateFacts], now: UnixTime) -> UnixTime {
    let since = facts.iter().map(|facts| facts.not_before).max().unwrap_or(now);
    let until = facts.iter().map(|facts| facts.not_after).min().unwrap_or(now);
    now.max(since).min(until)
}

fn verdict(
    trust: &ServerTrust,
    chain: &[CertificateDer<'static>],
    name: &ServerName<'_>,
    at: UnixTime,
) -> Result<(), String> {
    match trust.judge(chain, name, at) {
        // The path is looked at before the name is.
        Ok(())
        | Err(rustls::Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        )) => Ok(()),
        Err(rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer)) => {
            Err("it comes from a CA that is not known".to_owned())
        }
        Err(error) => Err(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::pki::minting::{Minted, ca, now, server, valid};

    fn options(root: &Minted) -> InspectionOptions {
        InspectionOptions {
            address: ([127, 0, 0, 1], 1).into(),
            server_name: ServerName::try_from("tsh.bank.example").unwrap(),
            private_trust: Some(ServerTrust::from_pem(root.pem.as_bytes()).unwrap()),
            credential: None,
            patience: Duration::from_secs(1),
        }
    }

    #[test]
    fn a_ca_is_trusted_or_not_whatever_its_certificate_is_for_and_however_old_it_is() {
        let root = Minted::self_signed(ca("root"));
        let other = Minted::self_signed(ca("other"));
        let issuing = root.issue(ca("issuing"));
        for leaf in [
            server("good", &["tsh.bank.example"]),
            server("other name", &["other.bank.example"]),
            valid(server("expired", &["tsh.bank.example"]), 2021, 2022),
        ] {
            let chain = [issuing.issue(leaf).der, issuing.der.clone()];
            assert_eq!(ChainSeen::judge(&chain, &options(&root), now()).trusted, Trusted::Privately);
            let elsewhere = ChainSeen::judge(&chain, &options(&other), now()).trusted;
            assert_eq!(elsewhere, Trusted::Nowhere("it comes from a CA that is not known".to_owned()));
            let mut nobodys = options(&root);
            nobodys.private_trust = None;
            assert!(matches!(ChainSeen::judge(&chain, &nobodys, now()).trusted, Trusted::Nowhere(_)), "control");
        }
    }
}
