//! A chain as a server sent it, judged from outside: the same rules, without the key.

use rustls_pki_types::{CertificateDer, UnixTime};

use super::{
    CredentialProblem, CredentialWarning, Link, check_chain, check_leaf, check_path, check_validity, links_of,
};
use crate::pki::CertificateFacts;

/// What can be said of a chain that a server sent.
#[derive(Clone, Debug, Default)]
pub struct ServedChain {
    /// What each certificate says, in the order in which they were sent; those that cannot be read are left out.
    pub facts: Vec<CertificateFacts>,
    /// What is wrong. Places are numbered as sent, and have no line.
    pub problems: Vec<CredentialProblem>,
    /// What deserves a look.
    pub warnings: Vec<CredentialWarning>,
}

impl ServedChain {
    /// Judges a chain (DER, as sent) for `host` at `now`. The first certificate is the server's own: that is what TLS makes of it (RFC 8446
    /// section 4.4.2).
    #[must_use]
    pub fn judge(chain: &[CertificateDer<'static>], host: Option<&str>, now: UnixTime) -> Self {
        let (mut problems, mut warnings) = (Vec::new(), Vec::new());
        let links = links_of(chain.iter().map(|der| (0, der.clone())), &mut problems);
        if let Some(leaf) = links.first() {
            check_chain(leaf, &links, &mut problems, &mut warnings);
            check_path(leaf, &links, now, &mut problems);
            check_validity(&links, now, &mut problems, &mut warnings);
            check_leaf(leaf, host, &mut problems);
        }
        Self { facts: links.into_iter().map(|Link { facts, .. }| facts).collect(), problems, warnings }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pki::minting::{Minted, ca, now, server};

    const HOST: &str = "tsh.bank.example";

    #[test]
    fn a_chain_is_judged_as_it_was_sent() {
        let root = Minted::self_signed(ca("root"));
        let (first, second) = (root.issue(ca("first")), Minted::self_signed(ca("stranger")));
        let issuing = first.issue(ca("issuing"));
        let leaf = issuing.issue(server("leaf", &[HOST]));
        let judged = |chain: &[&Minted], host| {
            ServedChain::judge(&chain.iter().map(|minted| minted.der.clone()).collect::<Vec<_>>(), Some(host), now())
        };
        let good = judged(&[&leaf, &issuing, &first], HOST);
        assert_eq!((good.facts.len(), good.problems.len(), good.warnings.len()), (3, 0, 0), "{good:?}");
        let [CredentialProblem::WrongOrder { right }] = &judged(&[&leaf, &first, &issuing], HOST).problems[..] else {
            panic!("the order is wrong");
        };
        assert_eq!(right, &[1, 3, 2]);
        let alone = judged(&[&leaf], HOST);
        assert!(matches!(alone.warnings[..], [CredentialWarning::LeafAlone { .. }]), "{alone:?}");
        let gap = judged(&[&leaf, &first], HOST);
        assert!(matches!(gap.problems[..], [CredentialProblem::Gap { .. }]), "{gap:?}");
        let stranger = judged(&[&leaf, &issuing, &first, &root, &second], HOST);
        assert!(matches!(stranger.problems[..], [CredentialProblem::Stranger { .. }]), "{stranger:?}");
        let other = judged(&[&leaf, &issuing, &first], "other.bank.example");
        assert!(matches!(other.problems[..], [CredentialProblem::OtherHost { .. }]), "{other:?}");
    }

    #[test]
    fn a_ca_that_may_not_issue_what_is_below_it_is_told_once() {
        let root = Minted::self_signed(ca("root"));
        let judged = |length, names: [&str; 2]| {
            let mut params = ca("first");
            params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Constrained(length));
            let first = root.issue(params);
            let issuing = first.issue(ca("issuing"));
            let leaf = issuing.issue(server(names[0], &[names[1]]));
            ServedChain::judge(&[leaf.der, issuing.der, first.der], Some(HOST), now()).problems
        };
        assert!(judged(1, ["leaf", HOST]).is_empty(), "control");
        let problems = judged(0, ["leaf", HOST]);
        assert!(matches!(&problems[..], [CredentialProblem::Path { place, .. }] if place.number == 3), "{problems:?}");
    }

    #[test]
    fn the_first_certificate_is_the_servers_even_where_it_should_not_be() {
        let root = Minted::self_signed(ca("root"));
        let issuing = root.issue(ca("issuing"));
        let leaf = issuing.issue(server("leaf", &[HOST]));
        let chain = [issuing.der.clone(), leaf.der.clone()];
        let judged = ServedChain::judge(&chain, Some(HOST), now());
        assert!(
            judged.problems.iter().any(|problem| matches!(problem, CredentialProblem::LeafIsCa { .. })),
            "{judged:?}"
        );
    }

    #[test]
    fn bytes_that_are_no_certificate_are_told() {
        let judged = ServedChain::judge(&[vec![1, 2, 3].into()], None, now());
        assert!(matches!(judged.problems[..], [CredentialProblem::Unreadable { .. }]), "{judged:?}");
        assert!(judged.facts.is_empty());
    }
}
