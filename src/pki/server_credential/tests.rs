use rcgen::{
    ExtendedKeyUsagePurpose, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P384_SHA384, PKCS_ECDSA_P521_SHA512, PKCS_ED25519,
    PKCS_RSA_SHA256,
};

use base64::Engine as _;
use x509_parser::asn1_rs::{Any, FromDer as _};

use super::*;
use crate::pki::minting::{Minted, ca, now, server, valid};
use crate::pki::pem::PemError;

const HOST: &str = "tsh.bank.example";

struct Chain {
    root: Minted,
    issuing: Minted,
    leaf: Minted,
}

impl Chain {
    fn new() -> Self {
        Self::of(server("leaf", &[HOST, "*.pay.bank.example", "192.0.2.7", "2001:db8::7"]))
    }

    fn of(leaf: rcgen::CertificateParams) -> Self {
        let root = Minted::self_signed(ca("root"));
        let issuing = root.issue(ca("issuing"));
        let leaf = issuing.issue(leaf);
        Self { root, issuing, leaf }
    }

    fn load(&self) -> Result<ServerCredential, ServerCredentialError> {
        load(&[&self.leaf, &self.issuing], &self.leaf.key_pem, Some(HOST))
    }

    fn for_host(&self, host: &str) -> Result<ServerCredential, ServerCredentialError> {
        load(&[&self.leaf, &self.issuing], &self.leaf.key_pem, Some(host))
    }
}

fn load(chain: &[&Minted], key: &str, host: Option<&str>) -> Result<ServerCredential, ServerCredentialError> {
    let pem: String = chain.iter().map(|minted| minted.pem.as_str()).collect();
    ServerCredential::from_pem(pem.as_bytes(), key.as_bytes(), host, now())
}

fn problems(result: Result<ServerCredential, ServerCredentialError>) -> Vec<CredentialProblem> {
    result.expect_err("the credential was accepted").problems().to_vec()
}

fn sole_problem(result: Result<ServerCredential, ServerCredentialError>) -> CredentialProblem {
    let mut problems = problems(result);
    assert_eq!(problems.len(), 1, "{problems:?}");
    problems.remove(0)
}

#[test]
fn a_chain_below_the_root_is_taken_with_a_word_on_where_it_ends() {
    let chain = Chain::new();
    let credential = chain.load().unwrap();
    assert_eq!(credential.chain(), [chain.leaf.der.clone(), chain.issuing.der.clone()]);
    assert_eq!(credential.facts()[0].subject, "CN=leaf,O=Test");
    assert!(credential.warnings().is_empty());
    credential.certified_key().keys_match().unwrap();
}

#[test]
fn a_root_in_the_file_is_tolerated_with_a_warning() {
    let Chain { root, issuing, leaf } = Chain::new();
    let credential = load(&[&leaf, &issuing, &root], &leaf.key_pem, None).unwrap();
    assert!(matches!(credential.warnings(), [CredentialWarning::RootIncluded { place }] if place.number == 3));
}

#[test]
fn a_leaf_right_below_its_root_needs_no_word() {
    let root = Minted::self_signed(ca("root"));
    let leaf = root.issue(server("leaf", &[HOST]));
    assert!(load(&[&leaf, &root], &leaf.key_pem, Some(HOST)).unwrap().warnings().is_empty());
}

#[test]
fn a_leaf_alone_is_taken_with_a_warning_that_names_its_issuer_and_the_asset() {
    let leaf = Chain::new().leaf;
    let credential = load(&[&leaf], &leaf.key_pem, Some(HOST)).unwrap();
    let [warning @ CredentialWarning::LeafAlone { issuer, .. }] = credential.warnings() else { panic!("no warning") };
    assert_eq!(issuer, "CN=issuing,O=Test");
    assert!(warning.to_string().contains("CUSTOMER_TLS_SERVER_CERTIFICATE_CHAIN"));
}

#[test]
fn a_self_signed_server_certificate_is_taken_with_a_warning() {
    let leaf = Minted::self_signed(server("leaf", &[HOST]));
    let credential = load(&[&leaf], &leaf.key_pem, Some(HOST)).unwrap();
    assert!(matches!(credential.warnings(), [CredentialWarning::SelfSigned { .. }]));
}

#[test]
fn the_key_of_another_certificate_is_refused() {
    let (chain, other) = (Chain::new(), Chain::new());
    let problem = sole_problem(load(&[&chain.leaf, &chain.issuing], &other.leaf.key_pem, None));
    assert!(matches!(problem, CredentialProblem::KeyMismatch { leaf } if leaf.number == 1));
}

#[test]
fn a_wrong_order_is_told_with_the_right_one() {
    let Chain { root, issuing, leaf } = Chain::new();
    let problem = sole_problem(load(&[&root, &leaf, &issuing], &leaf.key_pem, Some(HOST)));
    assert_eq!(problem, CredentialProblem::WrongOrder { right: vec![2, 3, 1] });
    assert!(problem.to_string().ends_with("put them as 2, 3, 1"));
}

#[test]
fn a_missing_intermediate_is_named() {
    let Chain { root, leaf, .. } = Chain::new();
    let problem = sole_problem(load(&[&leaf, &root], &leaf.key_pem, None));
    let CredentialProblem::Gap { place, issuer, others } = problem else { panic!("{problem}") };
    assert_eq!((place.number, issuer.as_str(), others.len()), (1, "CN=issuing,O=Test", 1));
}

#[test]
fn a_certificate_beside_a_complete_chain_is_a_stranger() {
    let (chain, other) = (Chain::new(), Minted::self_signed(ca("other")));
    let problem = sole_problem(load(&[&chain.leaf, &chain.issuing, &chain.root, &other], &chain.leaf.key_pem, None));
    assert!(matches!(problem, CredentialProblem::Stranger { place } if place.number == 4));
}

#[test]
fn an_issuer_of_the_right_name_with_another_key_is_refused() {
    let (chain, renewed) = (Chain::new(), Chain::new());
    let problem = sole_problem(load(&[&chain.leaf, &renewed.issuing], &chain.leaf.key_pem, None));
    assert!(matches!(problem, CredentialProblem::OtherIssuerKey { issuer, .. } if issuer.number == 2));
}

#[test]
fn a_repeated_certificate_is_refused() {
    let Chain { issuing, leaf, .. } = Chain::new();
    let problem = sole_problem(load(&[&leaf, &issuing, &leaf], &leaf.key_pem, None));
    assert!(matches!(problem, CredentialProblem::Duplicate { place, first: 1 } if place.number == 3));
}

#[test]
fn an_issuer_that_is_no_ca_is_refused() {
    let root = Minted::self_signed(ca("root"));
    let not_a_ca = root.issue(server("other server", &["other.example"]));
    let leaf = not_a_ca.issue(server("leaf", &[HOST]));
    let problem = sole_problem(load(&[&leaf, &not_a_ca], &leaf.key_pem, Some(HOST)));
    assert!(matches!(problem, CredentialProblem::IssuerNotCa { place } if place.number == 2));
}

#[test]
fn the_subject_alternative_names_decide_on_the_host() {
    let chain = Chain::new();
    for host in [
        HOST,
        "TSH.bank.EXAMPLE",
        "tsh.bank.example.",
        "a.pay.bank.example",
        "192.0.2.7",
        "2001:db8::7",
        "[2001:db8::7]",
    ] {
        chain.for_host(host).unwrap();
    }
    for host in ["bank.example", "a.b.pay.bank.example", "pay.bank.example", "192.0.2.8", "2001:db8::8", "leaf"] {
        let problem = sole_problem(chain.for_host(host));
        assert!(matches!(problem, CredentialProblem::OtherHost { .. }), "{host}: {problem}");
    }
    let text = sole_problem(chain.for_host("bank.example")).to_string();
    assert!(text.contains("DNS:tsh.bank.example, DNS:*.pay.bank.example, IP:192.0.2.7, IP:2001:db8::7"), "{text}");
}

#[test]
fn a_wildcard_host_needs_a_certificate_for_the_wildcard_itself() {
    let chain = Chain::new();
    for host in ["*.pay.bank.example", "*.PAY.bank.example."] {
        chain.for_host(host).unwrap();
    }
    // One name of a wildcard, and a wildcard one level higher or lower, are less than the wildcard.
    for host in ["*.bank.example", "*.example", "*.a.pay.bank.example", "*.other.example"] {
        let problem = sole_problem(chain.for_host(host));
        assert!(matches!(problem, CredentialProblem::OtherHost { .. }), "{host}: {problem}");
    }
    let one_name = Chain::of(server("leaf", &["a.pay.bank.example", "b.pay.bank.example"]));
    let problem = sole_problem(one_name.for_host("*.pay.bank.example"));
    assert!(problem.to_string().contains("is not for the host *.pay.bank.example"), "{problem}");
    one_name.for_host("a.pay.bank.example").unwrap();
}

#[test]
fn a_wildcard_host_may_be_as_long_as_a_name() {
    let label = "a".repeat(62);
    let behind = format!("{label}.{label}.{label}.{}", "a".repeat(59));
    let chain = Chain::of(server("leaf", &[&format!("*.{behind}")]));
    chain.for_host(&format!("*.{behind}")).unwrap();
    let problem = sole_problem(chain.for_host(&format!("*.aaaa{behind}")));
    assert!(matches!(problem, CredentialProblem::HostNotAName { .. }), "{problem}");
}

#[test]
fn the_common_name_is_no_host_name() {
    let chain = Chain::of(server(HOST, &["other.example"]));
    assert!(matches!(sole_problem(chain.load()), CredentialProblem::OtherHost { .. }));
}

#[test]
fn a_host_with_a_port_or_scheme_is_no_name() {
    for host in
        ["tsh.bank.example:8443", "https://tsh.bank.example", "", "a b", "*", "*.", "a.*.example", "*a.bank.example"]
    {
        assert!(matches!(sole_problem(Chain::new().for_host(host)), CredentialProblem::HostNotAName { .. }));
    }
}

#[test]
fn an_expired_leaf_is_refused_and_a_nearly_expired_one_warned_about() {
    let expired = Chain::of(valid(server("leaf", &[HOST]), 2020, 2021));
    assert!(matches!(sole_problem(expired.load()), CredentialProblem::Expired { .. }));
    let future = Chain::of(valid(server("leaf", &[HOST]), 2035, 2036));
    assert!(matches!(sole_problem(future.load()), CredentialProblem::NotYetValid { .. }));

    let mut params = server("leaf", &[HOST]);
    params.not_after = time::OffsetDateTime::from_unix_timestamp(1_906_545_600 + 29 * 86_400).unwrap();
    let credential = Chain::of(params).load().unwrap();
    let soon = |warning: &CredentialWarning| matches!(warning, CredentialWarning::ExpiresSoon { .. });
    assert_eq!(credential.warnings().iter().filter(|warning| soon(warning)).count(), 1);
    assert!(!Chain::new().load().unwrap().warnings().iter().any(soon), "control");
}

#[test]
fn an_expired_intermediate_is_refused() {
    let root = Minted::self_signed(ca("root"));
    let issuing = root.issue(valid(ca("issuing"), 2020, 2025));
    let leaf = issuing.issue(server("leaf", &[HOST]));
    let problem = sole_problem(load(&[&leaf, &issuing], &leaf.key_pem, Some(HOST)));
    assert!(matches!(problem, CredentialProblem::Expired { place, .. } if place.number == 2));
}

#[test]
fn usages_must_allow_a_tls_server_where_they_are_stated() {
    let mut params = server("leaf", &[HOST]);
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    assert!(matches!(sole_problem(Chain::of(params).load()), CredentialProblem::NotForServers { .. }));

    let mut params = server("leaf", &[HOST]);
    params.key_usages = vec![KeyUsagePurpose::KeyEncipherment];
    assert!(matches!(sole_problem(Chain::of(params).load()), CredentialProblem::MayNotSign { .. }));

    let mut params = server("leaf", &[HOST]);
    params.key_usages = Vec::new();
    params.extended_key_usages = Vec::new();
    Chain::of(params).load().unwrap();
}

#[test]
fn keys_that_browsers_and_java_take_are_taken_and_others_are_not() {
    let issuing = Chain::new().issuing;
    let with = |algorithm| {
        let leaf = issuing.issue_for(server("leaf", &[HOST]), algorithm);
        load(&[&leaf, &issuing], &leaf.key_pem, Some(HOST))
    };
    for algorithm in [&PKCS_RSA_SHA256, &PKCS_ECDSA_P384_SHA384] {
        with(algorithm).unwrap();
    }
    for algorithm in [&PKCS_ED25519, &PKCS_ECDSA_P521_SHA512] {
        assert!(matches!(sole_problem(with(algorithm)), CredentialProblem::KeyKind { .. }));
    }
}

#[test]
fn a_ca_certificate_is_no_server_certificate() {
    let Chain { root, issuing, .. } = Chain::new();
    let problem = sole_problem(load(&[&issuing, &root], &issuing.key_pem, Some(HOST)));
    assert!(matches!(problem, CredentialProblem::LeafIsCa { place } if place.number == 1));
}

#[test]
fn all_problems_of_a_credential_are_told_at_once() {
    let mut params = valid(server("leaf", &["other.example"]), 2020, 2021);
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    let Chain { issuing, leaf, .. } = Chain::of(params);
    let key = KeyPair::generate().unwrap().serialize_pem();
    let found = problems(load(&[&issuing, &leaf], &key, Some(HOST)));
    assert!(
        matches!(
            found.as_slice(),
            [
                CredentialProblem::KeyMismatch { .. },
                CredentialProblem::WrongOrder { .. },
                CredentialProblem::Expired { .. },
                CredentialProblem::NotForServers { .. },
                CredentialProblem::OtherHost { .. },
            ]
        ),
        "{found:?}"
    );
}

#[test]
fn bad_files_are_both_reported() {
    let result = ServerCredential::from_pem(b"", b"no key", None, now());
    assert_eq!(
        problems(result),
        [CredentialProblem::Key(PemError::NoBlock), CredentialProblem::Chain(PemError::Empty)]
    );
}

#[test]
fn a_key_that_is_no_key_is_refused_without_quoting_it() {
    let chain = Chain::new();
    let key = "-----BEGIN PRIVATE KEY-----\nU2VjcmV0U2VjcmV0\n-----END PRIVATE KEY-----\n";
    let problem = sole_problem(load(&[&chain.leaf, &chain.issuing], key, Some(HOST)));
    assert_eq!(problem, CredentialProblem::KeyUnreadable);
    assert!(!problem.to_string().contains("Secret"));
}

#[test]
fn sec1_and_pkcs1_keys_serve_as_well_as_pkcs8() {
    let pem = |label: &str, der: &[u8]| {
        let body = base64::engine::general_purpose::STANDARD.encode(der);
        format!("-----BEGIN {label}-----\n{body}\n-----END {label}-----\n")
    };
    // PrivateKeyInfo ::= SEQUENCE { version, algorithm, privateKey OCTET STRING (RFC 5208) }
    let inner = |minted: &Minted| {
        let key = private_key(minted.key_pem.as_bytes()).unwrap();
        let (_, info) = Any::from_der(key.secret_der()).unwrap();
        let (rest, _version) = Any::from_der(info.data).unwrap();
        let (rest, _algorithm) = Any::from_der(rest).unwrap();
        Any::from_der(rest).unwrap().1.data.to_vec()
    };
    let issuing = Chain::new().issuing;
    let ec = issuing.issue(server("leaf", &[HOST]));
    let sec1 = pem("EC PARAMETERS", b"\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07");
    // SEC1 inside PKCS#8 leaves the curve out; alone it must name it, as [0] before the public key.
    let bare = inner(&ec);
    let (scalar, public) = bare[2..].split_at(3 + 2 + 32);
    let curve: &[u8] = b"\xa0\x0a\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07";
    let length = u8::try_from(scalar.len() + curve.len() + public.len()).unwrap();
    let sec1 = sec1 + &pem("EC PRIVATE KEY", &[&[0x30, length], scalar, curve, public].concat());
    load(&[&ec, &issuing], &sec1, Some(HOST)).unwrap();

    let rsa = issuing.issue_for(server("leaf", &[HOST]), &PKCS_RSA_SHA256);
    let pkcs1 = pem("RSA PRIVATE KEY", &inner(&rsa));
    load(&[&rsa, &issuing], &pkcs1, Some(HOST)).unwrap();
    assert!(matches!(sole_problem(load(&[&ec, &issuing], &pkcs1, Some(HOST))), CredentialProblem::KeyMismatch { .. }));
}

#[test]
fn debug_output_holds_no_key() {
    let chain = Chain::new();
    let shown = format!("{:?}", chain.load().unwrap());
    assert!(shown.contains("CN=leaf") && !shown.contains("certified_key"), "{shown}");
}
