//! What names, signatures and dates leave open of a server's path: whether the CAs in it may issue this very certificate.
//!
//! Callers judge it (RFC 5280 sections 4.2.1.9, 4.2.1.10 and 4.2.1.12), and a server never notices by itself.

use rustls_pki_types::{CertificateDer, UnixTime};
use webpki::{
    ALL_VERIFICATION_ALGS, EndEntityCert, ExtendedKeyUsageValidator, KeyPurposeIdIter, anchor_from_trusted_cert,
};
use x509_parser::extensions::{GeneralName, ParsedExtension};
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::CertificateFacts;

/// A certificate, and what it says.
pub(crate) type Certificate<'a> = (&'a CertificateDer<'static>, &'a CertificateFacts);

/// Why callers that go up to a CA take no path below it; what is said of that CA.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PathProblem {
    /// pathLenConstraint of basicConstraints.
    #[error(
        "allows no more than {most} CAs below it (pathlen), and there are {below}: callers refuse the chain; ask the CA for the right one"
    )]
    PathLength {
        /// CAs that it allows.
        most: u32,
        /// CAs that there are, those aside that are issued by their own name.
        below: u32,
    },
    /// extendedKeyUsage of a CA.
    #[error(
        "may not issue servers' certificates (its extended key usage lacks serverAuth): callers refuse the chain; take a certificate of \
         another CA"
    )]
    NotForServers,
    /// nameConstraints.
    #[error(
        "may not issue a certificate for these names (its name constraints leave one out): callers refuse the chain; ask for a certificate \
         of another CA"
    )]
    NameConstraint,
}

/// What is wrong with the path from `leaf` over `authorities`, its issuer first; with the index of the CA that forbids it. Each link is
/// proven already. Dates are told elsewhere, and do not count here.
pub(crate) fn problem(
    leaf: Option<&CertificateDer<'static>>,
    authorities: &[Certificate<'_>],
    dates: &[&CertificateFacts],
    now: UnixTime,
) -> Option<(usize, PathProblem)> {
    let mut below = 0u32;
    for (index, (_, facts)) in authorities.iter().enumerate() {
        if let Some(most) = facts.path_length.filter(|most| below > *most) {
            return Some((index, PathProblem::PathLength { most, below }));
        }
        if facts.extended_key_usage.is_some_and(|usage| !usage.server_auth && !usage.any) {
            return Some((index, PathProblem::NotForServers));
        }
        below = below.saturating_add(u32::from(!facts.self_issued));
    }
    let index = name_constraint(leaf?, authorities, common_time(dates, now)?)?;
    Some((index, PathProblem::NameConstraint))
}

/// The lowest CA whose name constraints forbid a name of `leaf`: with each in turn as the anchor.
fn name_constraint(leaf: &CertificateDer<'static>, authorities: &[Certificate<'_>], time: UnixTime) -> Option<usize> {
    let leaf = EndEntityCert::try_from(leaf).ok()?;
    let intermediates: Vec<CertificateDer<'_>> = authorities.iter().map(|(der, _)| (*der).clone()).collect();
    for (index, (der, _)) in authorities.iter().enumerate() {
        // webpki knows no directory names, and refuses them all; callers that know them may take the path.
        if constrains_directory_names(der) {
            return None;
        }
        let anchor = anchor_from_trusted_cert(der).ok()?;
        let below = intermediates.get(..index)?;
        let anchors = [anchor];
        let verified =
            leaf.verify_for_usage(ALL_VERIFICATION_ALGS, &anchors, below, time, AnyPurpose, None, None).map(|_| ());
        if verified == Err(webpki::Error::NameConstraintViolation) {
            return Some(index);
        }
    }
    None
}

/// `now` where everything is valid, else some second at which it was; None where there is none.
fn common_time(dates: &[&CertificateFacts], now: UnixTime) -> Option<UnixTime> {
    let begin = dates.iter().map(|facts| facts.not_before).max()?;
    let end = dates.iter().map(|facts| facts.not_after).min()?;
    (begin <= end).then(|| now.clamp(begin, end))
}

fn constrains_directory_names(der: &CertificateDer<'_>) -> bool {
    let Ok((_, certificate)) = X509Certificate::from_der(der) else { return false };
    certificate.extensions().iter().any(|extension| match extension.parsed_extension() {
        ParsedExtension::NameConstraints(constraints) => {
            let subtrees = [&constraints.permitted_subtrees, &constraints.excluded_subtrees];
            let mut subtrees = subtrees.into_iter().flatten().flatten();
            subtrees.any(|subtree| matches!(subtree.base, GeneralName::DirectoryName(_)))
        }
        _ => false,
    })
}

/// The purposes are judged by what [`CertificateFacts`] says of them.
struct AnyPurpose;

impl ExtendedKeyUsageValidator for AnyPurpose {
    fn validate(&self, _: KeyPurposeIdIter<'_, '_>) -> Result<(), webpki::Error> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{
        BasicConstraints, CertificateParams, DistinguishedName, ExtendedKeyUsagePurpose, GeneralSubtree, IsCa,
        NameConstraints,
    };

    use super::*;
    use crate::pki::minting::{Minted, ca, now, server, valid};

    fn constrained(name: &str, excluded: GeneralSubtree) -> CertificateParams {
        let mut params = ca(name);
        let constraints = NameConstraints { permitted_subtrees: Vec::new(), excluded_subtrees: vec![excluded] };
        params.name_constraints = Some(constraints);
        params
    }

    fn of_length(name: &str, most: u8) -> CertificateParams {
        let mut params = ca(name);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(most));
        params
    }

    fn for_purposes(name: &str, purposes: &[ExtendedKeyUsagePurpose]) -> CertificateParams {
        let mut params = ca(name);
        params.extended_key_usages = purposes.to_vec();
        params
    }

    /// Below a root and a CA of these parameters, and one more CA, a server that is called `issuer.test`.
    fn judged(root: CertificateParams, second: CertificateParams) -> Option<(usize, PathProblem)> {
        judged_as(root, second, server("leaf", &["issuer.test"]))
    }

    fn judged_as(
        root: CertificateParams,
        second: CertificateParams,
        leaf: CertificateParams,
    ) -> Option<(usize, PathProblem)> {
        let root = Minted::self_signed(root);
        let second = root.issue(second);
        let issuing = second.issue(ca("issuing"));
        let leaf = issuing.issue(leaf);
        let facts = [&leaf, &issuing, &second, &root].map(Minted::facts);
        let authorities = [(&issuing.der, &facts[1]), (&second.der, &facts[2]), (&root.der, &facts[3])];
        problem(Some(&leaf.der), &authorities, &facts.each_ref(), now())
    }

    #[test]
    fn a_path_is_no_longer_than_each_ca_above_it_allows() {
        let too_long = |most, below| Some(PathProblem::PathLength { most, below });
        assert_eq!(judged(ca("root"), of_length("second", 1)), None, "control");
        assert_eq!(judged(ca("root"), of_length("second", 0)), too_long(0, 1).map(|problem| (1, problem)));
        assert_eq!(judged(of_length("root", 1), ca("second")), too_long(1, 2).map(|problem| (2, problem)));
        assert_eq!(judged(of_length("root", 2), ca("second")), None, "control");
    }

    #[test]
    fn a_ca_for_clients_alone_issues_no_servers() {
        use ExtendedKeyUsagePurpose::{Any, ClientAuth, ServerAuth};
        let wrong = Some((1, PathProblem::NotForServers));
        assert_eq!(judged(ca("root"), for_purposes("second", &[ClientAuth])), wrong);
        for purposes in [&[ClientAuth, ServerAuth][..], &[Any]] {
            assert_eq!(judged(ca("root"), for_purposes("second", purposes)), None, "control");
        }
    }

    #[test]
    fn names_that_a_ca_excludes_are_told_whatever_has_expired() {
        let excluding = |name: &str| constrained("second", GeneralSubtree::DnsName(name.to_owned()));
        let wrong = Some((1, PathProblem::NameConstraint));
        assert_eq!(judged(ca("root"), excluding("test")), wrong);
        assert_eq!(judged(ca("root"), excluding("other")), None, "control");
        let root = constrained("root", GeneralSubtree::DnsName("test".to_owned()));
        assert_eq!(judged(root, ca("second")), Some((2, PathProblem::NameConstraint)));
        let expired = valid(server("leaf", &["issuer.test"]), 2020, 2025);
        assert_eq!(judged_as(ca("root"), excluding("test"), expired.clone()), wrong);
        assert_eq!(judged_as(ca("root"), ca("second"), expired), None, "control: dates are told elsewhere");
    }

    #[test]
    fn directory_names_are_left_to_callers_that_know_them() {
        let second = constrained("second", GeneralSubtree::DirectoryName(DistinguishedName::new()));
        assert_eq!(judged(ca("root"), second), None);
    }
}
