//! Whom the server keeps out because of the chain between leaf and anchor. Each test also lets an honest client in.

use rcgen::{
    BasicConstraints, CustomExtension, DnType, GeneralSubtree, IsCa, KeyUsagePurpose, NameConstraints, SanType,
};

use crate::support::{Authority, Door, Identity, Pki, Setup, Spec, pki};

/// The most certificates that a caller may present.
const MOST: usize = 8;

#[tokio::test]
async fn a_missing_intermediate_is_refused() {
    let door = Door::open().await;
    refuse(&door, "a leaf without its intermediate", &door.pki.honest.leaf_only()).await;
    let unrelated = Authority::root("Unrelated Root").intermediate("Unrelated CA").certificate().clone();
    refuse(&door, "a leaf with another's intermediate", &door.pki.honest.leaf_only().followed_by([unrelated])).await;
}

#[tokio::test]
async fn an_intermediate_that_may_not_issue_is_refused() {
    let door = Door::open().await;
    let root = &door.pki.clients;
    for (who, spec) in [
        ("expired", Spec::authority("Expired CA").expired()),
        ("not yet valid", Spec::authority("Early CA").not_yet_valid()),
        ("without CA:TRUE", Spec::authority("No CA").with(|params| params.is_ca = IsCa::NoCa)),
        ("with CA:FALSE", Spec::authority("Explicitly no CA").with(|params| params.is_ca = IsCa::ExplicitNoCa)),
        (
            "with a KeyUsage that lacks keyCertSign",
            Spec::authority("No signer").with(|params| params.key_usages = vec![KeyUsagePurpose::CrlSign]),
        ),
    ] {
        let identity = root.intermediate_of(spec).client("client");
        refuse(&door, &format!("an intermediate {who}"), &identity).await;
    }
    let leaf_as_authority = root.intermediate_of(Spec::client("A leaf that issues")).client("client");
    refuse(&door, "a leaf that issues another", &leaf_as_authority).await;
    let without_usage = Spec::authority("CA without KeyUsage").with(|params| params.key_usages.clear());
    accept(&door, "an intermediate without KeyUsage", &root.intermediate_of(without_usage).client("client")).await;
}

#[tokio::test]
async fn an_exceeded_path_length_is_refused() {
    let door = Door::open().await;
    let limited = |name: &str, length| {
        Spec::authority(name).with(|params| params.is_ca = IsCa::Ca(BasicConstraints::Constrained(length)))
    };
    let last = door.pki.clients.intermediate_of(limited("Path length 0", 0));
    accept(&door, "a leaf under a path length of 0", &last.client("client")).await;
    refuse(&door, "an authority under a path length of 0", &last.intermediate("One too many").client("client")).await;
    let one = door.pki.clients.intermediate_of(limited("Path length 1", 1));
    accept(&door, "one authority under a path length of 1", &one.intermediate("Below").client("client")).await;
    let two_below = one.intermediate("Below 1").intermediate("Below 2");
    refuse(&door, "two authorities under a path length of 1", &two_below.client("client")).await;
}

#[tokio::test]
async fn the_path_length_of_the_anchor_counts_too() {
    let pki = Pki::new();
    let anchor = Authority::root_of(
        Spec::authority("Short Root").with(|params| params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0))),
    );
    let bundle = anchor.pem() + &pki.clients.pem();
    let door = Door::behind(pki, Setup { client_ca: Some(bundle), ..Setup::default() }).await;
    accept(&door, "a leaf under the anchor", &anchor.client("client")).await;
    refuse(&door, "an authority under an anchor that allows none", &anchor.intermediate("Below").client("client"))
        .await;
}

#[tokio::test]
async fn too_deep_a_chain_is_refused() {
    let door = Door::open().await;
    let mut authority = door.pki.clients.intermediate("Depth 1");
    for depth in 2..=12 {
        authority = authority.intermediate(&format!("Depth {depth}"));
    }
    let identity = authority.client("client");
    assert_eq!(identity.chain.len(), 13);
    refuse(&door, "a leaf under twelve intermediates", &identity).await;
}

#[tokio::test]
async fn more_than_eight_presented_certificates_are_refused_even_when_the_chain_is_good() {
    let door = Door::open().await;
    let honest = &door.pki.honest;
    let needed = honest.chain.len();
    let unrelated: Vec<_> =
        (0..MOST).map(|n| Authority::root(&format!("Unrelated {n}")).certificate().clone()).collect();
    let stuffed = honest.followed_by(unrelated.iter().take(MOST - needed).cloned());
    accept(&door, "eight certificates, six of them unrelated", &stuffed).await;
    let stuffed = honest.followed_by(unrelated.iter().take(MOST - needed + 1).cloned());
    refuse(&door, "nine certificates, seven of them unrelated", &stuffed).await;
    let duplicated = honest.followed_by(vec![honest.chain[1].clone(); MOST - needed]);
    accept(&door, "eight certificates with duplicates", &duplicated).await;
    let duplicated = honest.followed_by(vec![honest.chain[1].clone(); MOST - needed + 1]);
    refuse(&door, "nine certificates with duplicates", &duplicated).await;
    refuse(&door, "thirty times the same leaf", &honest.followed_by(vec![honest.leaf().clone(); 29])).await;
    refuse(&door, "thirty cross-certified authorities", &honest.followed_by(pki::cross_certified_thicket(29))).await;
}

#[tokio::test]
async fn a_certificate_of_64_kb_is_refused_and_harms_nobody() {
    let door = Door::open().await;
    let filled = |bytes: usize| {
        let filling = CustomExtension::from_oid_content(&[1, 3, 6, 1, 4, 1, 99_999, 1], vec![4; bytes]);
        Spec::client("filled").with(|params| params.custom_extensions.push(filling))
    };
    let nobody = Authority::root("Nobody's Root");
    refuse(&door, "64 kB of nobody's", &nobody.issue(filled(64_000))).await;
    // More than a message of a handshake may have (65,535 bytes here): it is not even looked at.
    refuse(&door, "more than 64 kB of the client CA's", &door.pki.issuing.issue(filled(70_000))).await;
    accept(&door, "8 kB of the client CA's", &door.pki.issuing.issue(filled(8_000))).await;
    // With TLS 1.2 and 1.3.
    assert_eq!(failed(&door, "unknown_issuer").await, 2);
    assert_eq!(failed(&door, "protocol").await, 2);
    door.is_unharmed().await;
}

/// Handshakes that failed for this reason.
async fn failed(door: &Door, reason: &str) -> u64 {
    door.server.counted("issuer_host_handshakes_total", &[&format!("reason=\"{reason}\"")]).await
}

#[tokio::test]
async fn name_constraints_of_an_intermediate_are_enforced() {
    let door = Door::open().await;
    let constrained = door.pki.clients.intermediate_of(Spec::authority("Constrained CA").with(|params| {
        params.name_constraints = Some(NameConstraints {
            permitted_subtrees: vec![GeneralSubtree::DnsName("thales.test".to_owned())],
            excluded_subtrees: Vec::new(),
        });
    }));
    let named = |name: &str| {
        let san = SanType::DnsName(name.try_into().unwrap());
        constrained.issue(Spec::client("client").with(|params| params.subject_alt_names = vec![san]))
    };
    accept(&door, "a name inside the permitted subtree", &named("tsh.thales.test")).await;
    refuse(&door, "a name outside the permitted subtree", &named("tsh.elsewhere.test")).await;
}

#[tokio::test]
async fn directory_name_constraints_of_an_intermediate_are_enforced() {
    let door = Door::open().await;
    let mut permitted = rcgen::DistinguishedName::new();
    permitted.push(DnType::CountryName, "FR");
    permitted.push(DnType::OrganizationName, "Somebody else");
    let constrained = door.pki.clients.intermediate_of(Spec::authority("Constrained CA").with(|params| {
        params.name_constraints = Some(NameConstraints {
            permitted_subtrees: vec![GeneralSubtree::DirectoryName(permitted)],
            excluded_subtrees: Vec::new(),
        });
    }));
    refuse(&door, "a subject outside the permitted subtree", &constrained.client("client")).await;
}

async fn refuse(door: &Door, who: &str, identity: &Identity) {
    let caller = door.stranger().presenting(identity);
    caller.clone().tls12().expect_refused(who).await;
    caller.tls13().expect_refused(who).await;
    door.honest().expect_accepted("an honest client").await;
}

async fn accept(door: &Door, who: &str, identity: &Identity) {
    let caller = door.stranger().presenting(identity);
    caller.clone().tls12().expect_accepted(who).await;
    caller.tls13().expect_accepted(who).await;
}
