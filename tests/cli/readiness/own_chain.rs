//! O8 to O10: the chain that the server shows.

use rcgen::PKCS_ED25519;

use super::super::pki::{Authority, Spec};
use super::{HOST, lasting, ready};

#[test]
fn the_chain_is_in_the_wrong_order() {
    let operator = ready();
    let identity = operator.issuing().intermediate_of(lasting("Second CA")).issue(Spec::server(HOST));
    let [leaf, second, first] = [0, 1, 2].map(|at| identity.chain[at].clone());
    operator.show(&identity.behind(vec![leaf, first, second]));
    insta::assert_snapshot!(operator.shortcomings(&[]));
}

#[test]
fn the_chain_has_a_gap() {
    let operator = ready();
    let identity = operator.issuing().intermediate_of(lasting("Second CA")).issue(Spec::server(HOST));
    let [leaf, _, first] = [0, 1, 2].map(|at| identity.chain[at].clone());
    operator.show(&identity.behind(vec![leaf, first]));
    insta::assert_snapshot!(operator.shortcomings(&[]));
}

#[test]
fn the_chain_is_the_leaf_alone() {
    let operator = ready();
    operator.show(&operator.issuing().issue(Spec::server(HOST)).leaf_only());
    // What Thales was given does not reach it without the certificate between.
    insta::assert_snapshot!(operator.shortcomings(&[]));
}

#[test]
fn the_chain_ends_with_its_root() {
    let operator = ready();
    let identity = operator.issuing().issue(Spec::server(HOST));
    operator.show(&identity.followed_by([operator.servers.certificate().clone()]));
    insta::assert_snapshot!(operator.shortcomings(&[]));
}

#[test]
fn the_key_is_another_one() {
    let operator = ready();
    operator.write("server-key.pem", &operator.servers.client("other").key_pem());
    insta::assert_snapshot!(operator.shortcomings(&[]));
}

#[test]
fn the_key_is_of_a_kind_that_callers_do_not_take() {
    let operator = ready();
    operator.show(&operator.issuing().issue(Spec::server(HOST).key(&PKCS_ED25519)));
    insta::assert_snapshot!(operator.shortcomings(&[]));
}

#[test]
fn the_certificate_has_expired() {
    let operator = ready();
    operator.show(&operator.issuing().issue(Spec::server(HOST).expired()));
    insta::assert_snapshot!(operator.shortcomings(&[]));
}

#[test]
fn the_certificate_ends_soon() {
    let operator = ready();
    operator.show(&operator.issuing().issue(Spec::server(HOST).valid(-1, 20)));
    insta::assert_snapshot!(operator.shortcomings(&[]));
}

#[test]
fn the_certificate_is_not_for_servers() {
    let operator = ready();
    let names = Spec::server(HOST);
    let spec = names.with(|params| params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ClientAuth]);
    operator.show(&operator.issuing().issue(spec));
    insta::assert_snapshot!(operator.shortcomings(&[]));
}

#[test]
fn the_certificate_is_for_another_host() {
    let operator = ready();
    operator.show(&operator.issuing().issue(Spec::server("other.bank.test")));
    insta::assert_snapshot!(operator.shortcomings(&[]));
}

#[test]
fn the_chain_is_not_the_endorsed_one() {
    let operator = ready();
    operator.write("endorsed.pem", &Authority::root_of(lasting("Endorsed Root")).pem());
    insta::assert_snapshot!(operator.shortcomings(&[]));
    let text = String::from_utf8(operator.report(&[]).stdout).unwrap();
    for unproven in ["which Thales was given", "holds new certificates", "the chain ends at"] {
        assert!(!text.contains(unproven), "{unproven}: {text}");
    }
}

#[test]
fn the_endorsed_chain_is_a_leaf() {
    let operator = ready();
    operator.write("endorsed.pem", &operator.servers.issue(Spec::server(HOST)).leaf_only().chain_pem());
    insta::assert_snapshot!(operator.shortcomings(&[]));
}

#[test]
fn thales_was_given_nothing() {
    let operator = ready();
    operator.edit("endorsed_chain = \"endorsed.pem\"\n", "");
    insta::assert_snapshot!(operator.shortcomings(&[]));
}

#[test]
fn a_trust_store_of_a_leaf_alone_needs_what_is_between_as_well() {
    let operator = ready();
    operator.edit("endorsed_chain = \"endorsed.pem\"\n", "");
    operator.edit("\"server-chain.pem\"", "\"server chain.pem\"");
    let identity = operator.issuing().issue(Spec::server(HOST)).leaf_only();
    operator.show(&identity);
    operator.write("server chain.pem", &identity.chain_pem());
    let told = operator.shortcomings(&[]);
    let issuer = "the certificates from O=issuer-host tests,C=FR,CN=Server Issuing CA up to its root";
    assert!(told.contains(&format!("(INTERMEDIATES.pem ROOT.pem: {issuer})")), "{told}");
    let command = "issuer-host chain --trust-store --certificate-chain 'server chain.pem' INTERMEDIATES.pem ROOT.pem";
    assert!(told.lines().any(|line| line == command), "{told}");
}

#[test]
fn a_ca_of_the_chain_ends_soon() {
    let operator = ready();
    let ending = operator.servers.intermediate_of(Spec::authority("Server Issuing CA").valid(-1, 60));
    operator.show(&ending.issue(Spec::server(HOST).valid(-1, 59)));
    insta::assert_snapshot!(operator.shortcomings(&[]));
}

#[test]
fn an_endorsed_ca_has_expired() {
    let operator = ready();
    let former = Authority::root_of(Spec::authority("Former Root").expired());
    operator.write("endorsed.pem", &(operator.servers.pem() + &former.pem()));
    insta::assert_snapshot!(operator.shortcomings(&[]));
}

#[test]
fn a_ca_of_the_chain_may_not_issue_what_is_below_it() {
    use rcgen::{BasicConstraints, ExtendedKeyUsagePurpose, GeneralSubtree, IsCa, NameConstraints};
    let excluded = |host: &str| NameConstraints {
        permitted_subtrees: Vec::new(),
        excluded_subtrees: vec![GeneralSubtree::DnsName(host.to_owned())],
    };
    for (spec, words) in [
        (
            lasting("First CA").with(|params| params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0))),
            "allows no more than 0 CAs below it (pathlen), and there are 1",
        ),
        (
            lasting("First CA").with(|params| params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth]),
            "may not issue servers' certificates",
        ),
        (
            lasting("First CA").with(|params| params.name_constraints = Some(excluded("bank.test"))),
            "may not issue a certificate for these names",
        ),
        (lasting("First CA").with(|params| params.name_constraints = Some(excluded("other.test"))), ""),
    ] {
        let operator = ready();
        let first = operator.servers.intermediate_of(spec);
        let second = first.intermediate_of(lasting("Second CA"));
        operator.show(&second.issue(Spec::server(HOST)));
        // Where the endorsed chain is a root alone, the server itself looks at the path; here Thales pins the CA below it.
        operator.write("endorsed.pem", &(operator.servers.pem() + &first.pem() + &second.pem()));
        let told = operator.shortcomings(&["--strict"]);
        let chain = super::run(operator.directory.path(), &["chain", "--config", "issuer-host.toml"]);
        if words.is_empty() {
            assert_eq!(told, "exit code 0", "control");
            assert_eq!(chain.status.code(), Some(0), "control: {}", super::text_of(&chain));
            continue;
        }
        assert!(told.starts_with("exit code 1\npreprod O8 fail\n") && told.contains(words), "{told}");
        assert!(told.contains("CN=First CA") && told.matches("fail: ").count() == 1, "{told}");
        let text = super::text_of(&chain).split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(text.contains(words) && chain.stdout.is_empty(), "{text}");
        assert_eq!(chain.status.code(), Some(1), "{text}");
    }
}
