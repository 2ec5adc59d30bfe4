//! `issuer-host chain`: what comes out is what openssl verifies by, and what our own settings take.

use std::process::Output;

use super::pki::{Authority, Identity, Spec, self_signed};
use super::sign::Desk;
use super::{BAD_CONFIGURATION, HOST, Operator, text_of};

/// A server's chain of three CAs, in files of its own.
struct Chain {
    desk: Desk,
    root: Authority,
    issuing: Authority,
    leaf: Identity,
}

impl Chain {
    fn new() -> Self {
        let root = Authority::root("Server Root");
        let issuing = root.intermediate("Server Issuing CA");
        let leaf = issuing.issue(Spec::server(HOST));
        let chain = Self { desk: Desk::new(), root, issuing, leaf };
        chain.desk.write("leaf.pem", &chain.leaf.leaf_only().chain_pem());
        chain.desk.write("issuing.pem", &chain.issuing.pem());
        chain.desk.write("root.pem", &chain.root.pem());
        chain
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.desk.issuer_host(&[&["chain", "--certificate-chain"][..], arguments].concat())
    }

    /// Certificates and words.
    #[track_caller]
    fn prints(&self, arguments: &[&str]) -> (String, String) {
        told(&self.run(arguments))
    }

    /// Asserts that it refuses, says `words`, and prints no certificate.
    #[track_caller]
    fn is_refused(&self, arguments: &[&str], words: &str) {
        let output = self.run(arguments);
        let text = text_of(&output).split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(output.status.code(), Some(1), "{text}");
        assert!(text.contains(words) && output.stdout.is_empty(), "{words:?} is missing: {text}");
    }
}

#[track_caller]
fn told(output: &Output) -> (String, String) {
    assert_eq!(output.status.code(), Some(0), "{}", text_of(output));
    let words = String::from_utf8(output.stderr.clone()).unwrap();
    assert!(words.lines().all(|line| line.chars().count() <= 100), "{words}");
    let words = words.split_whitespace().collect::<Vec<_>>().join(" ");
    (String::from_utf8(output.stdout.clone()).unwrap(), words)
}

#[test]
fn the_chain_comes_out_in_its_order_whatever_the_files_order() {
    let chain = Chain::new();
    let (leaf, issuing, root) = (chain.leaf.leaf_only().chain_pem(), chain.issuing.pem(), chain.root.pem());
    for files in [["leaf.pem", "issuing.pem", "root.pem"], ["root.pem", "leaf.pem", "issuing.pem"]] {
        let (certificates, words) = chain.prints(&files);
        assert_eq!(certificates, issuing.clone() + &root);
        for piece in [
            "CUSTOMER_TLS_SERVER_CERTIFICATE_CHAIN",
            "1 O=issuer-host tests,C=FR,CN=Server Issuing CA",
            "2 O=issuer-host tests,C=FR,CN=Server Root",
            "SHA-256 ",
        ] {
            assert!(words.contains(piece), "{piece}: {words}");
        }
        assert!(words.contains("The root is private") && !words.contains("warning"), "{words}");
        assert_eq!(chain.prints(&[&files[..], &["--leaf"]].concat()).0, leaf.clone() + &issuing + &root);
    }
    let (certificates, _) = chain.prints(&["leaf.pem", "root.pem", "issuing.pem"]);
    chain.desk.write("printed.pem", &certificates);
    chain.desk.tool("openssl", &["verify", "-CAfile", "printed.pem", "-purpose", "sslserver", "leaf.pem"]);
    let java = chain.desk.tool("keytool", &["-printcert", "-file", "printed.pem"]);
    assert_eq!(java.matches("Owner: ").count(), 2, "{java}");
}

#[test]
fn what_is_missing_is_named_and_nothing_is_invented() {
    let chain = Chain::new();
    let (certificates, words) = chain.prints(&["leaf.pem", "issuing.pem"]);
    assert_eq!(certificates, chain.issuing.pem());
    assert!(words.contains("warning: O=issuer-host tests,C=FR,CN=Server Root is not there"), "{words}");
    chain.is_refused(&["leaf.pem"], "which is not there, and so there is no chain to hand over");
    chain.is_refused(&["leaf.pem", "root.pem"], "which is not there, and nothing leads to: certificate 1 of root.pem");
    chain.is_refused(&["issuing.pem", "root.pem", "--leaf"], "there is no server certificate among these");
    chain.is_refused(&["nowhere.pem"], "nowhere.pem cannot be read");
}

#[test]
fn what_does_not_belong_to_the_chain_is_told_of() {
    let chain = Chain::new();
    chain.desk.write("stranger.pem", &Authority::root("Stranger").pem());
    let (certificates, words) = chain.prints(&["leaf.pem", "stranger.pem", "issuing.pem", "root.pem", "issuing.pem"]);
    assert_eq!(certificates, chain.issuing.pem() + &chain.root.pem());
    assert!(
        words.contains(
            "certificate 1 of issuing.pem (line 1, O=issuer-host tests,C=FR,CN=Server Issuing CA) is the same"
        )
    );
    assert!(
        words.contains("O=issuer-host tests,C=FR,CN=Stranger) is no part of the chain, and is left out"),
        "{words}"
    );
    chain.desk.write("other.pem", &chain.issuing.issue(Spec::server("other.test")).leaf_only().chain_pem());
    chain.is_refused(&["leaf.pem", "other.pem", "issuing.pem"], "more than one chain begins here");
}

#[test]
fn a_private_key_is_an_error_and_is_not_printed() {
    let chain = Chain::new();
    let key = chain.leaf.key_pem();
    for (text, words) in [
        (key.clone(), "holds a private key and no certificate"),
        (chain.leaf.chain_pem() + &key, "a private key in a file of certificates"),
    ] {
        chain.desk.write("mixed.pem", &text);
        chain.is_refused(&["mixed.pem"], words);
        let output = text_of(&chain.run(&["mixed.pem"]));
        assert!(key.lines().skip(1).take(2).all(|line| !output.contains(line)), "{output}");
    }
}

#[test]
fn a_self_signed_server_is_printed_itself_and_has_no_endorsed_chain() {
    let chain = Chain::new();
    let alone = self_signed(Spec::server(HOST)).chain_pem();
    chain.desk.write("alone.pem", &alone);
    let (certificates, words) = chain.prints(&["alone.pem"]);
    assert_eq!(certificates, alone);
    assert!(words.contains("is self-signed, so there is no CA chain: Thales must endorse exactly this one"), "{words}");
    chain.is_refused(&["alone.pem", "--endorsed"], "is self-signed, and endorsed_chain holds CA certificates alone");
    assert_eq!(chain.prints(&["alone.pem", "--trust-store"]).0, alone);
}

#[test]
fn a_chain_that_has_expired_is_refused_and_a_leaf_that_has_is_not() {
    let chain = Chain::new();
    chain.desk.write("leaf.pem", &chain.issuing.issue(Spec::server(HOST).expired()).leaf_only().chain_pem());
    let (_, words) = chain.prints(&["leaf.pem", "issuing.pem", "root.pem"]);
    assert!(words.contains("and not now; its chain is good all the same"), "{words}");
    let expired = chain.root.intermediate_of(Spec::authority("Expired CA").expired());
    chain.desk.write("expired.pem", &(expired.issue(Spec::server(HOST)).chain_pem() + &chain.root.pem()));
    chain.is_refused(&["expired.pem"], "and not now; ask the CA for the chain of today");
}

#[test]
fn the_trust_store_is_the_root_alone_and_there_is_none_without_it() {
    let chain = Chain::new();
    let (certificates, words) = chain.prints(&["leaf.pem", "issuing.pem", "root.pem", "--trust-store"]);
    assert_eq!(certificates, chain.root.pem());
    assert!(words.contains("(O9)") && !words.contains("warning"), "{words}");
    chain.desk.write("store.pem", &certificates);
    let verify = ["verify", "-CAfile", "store.pem", "-untrusted", "issuing.pem", "-purpose", "sslserver", "leaf.pem"];
    chain.desk.tool("openssl", &verify);
    let import = ["-importcert", "-noprompt", "-alias", "root", "-keystore", "store.p12", "-storepass", "changeit"];
    chain.desk.tool("keytool", &[&import[..], &["-file", "store.pem"]].concat());
    chain.desk.write("my leaf.pem", &chain.desk.read("leaf.pem"));
    let hint = "`issuer-host chain --trust-store --certificate-chain 'my leaf.pem' issuing.pem ROOT.pem`";
    let words = text_of(&chain.run(&["my leaf.pem", "issuing.pem", "--trust-store"]));
    assert!(words.lines().any(|line| line.contains(hint)), "all files, in one line: {words}");
    for files in [&["leaf.pem", "issuing.pem"][..], &["issuing.pem"]] {
        let arguments = [files, &["--trust-store", "--out", "none.pem"]].concat();
        let words = "the topmost certificate is that of O=issuer-host tests,C=FR,CN=Server Issuing CA, issued by O=issuer-host \
                     tests,C=FR,CN=Server Root. Give the root with --certificate-chain";
        chain.is_refused(&arguments, words);
        assert!(!chain.desk.path().join("none.pem").exists(), "nothing is written");
    }
}

#[test]
fn a_configuration_without_the_root_is_told_where_to_give_it() {
    let operator = Operator::new();
    let arguments = ["chain", "--config", "issuer-host.toml", "--trust-store"];
    let output = super::run(operator.directory.path(), &arguments);
    let text = text_of(&output).split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(output.stdout.is_empty(), "{text}");
    assert!(text.contains("issuer-host chain --trust-store --certificate-chain server-chain.pem ROOT.pem"), "{text}");
    operator.write("ROOT.pem", &operator.servers.pem());
    let told = operator.run("check");
    let told = String::from_utf8(told.stdout).unwrap();
    let line = told.lines().map(str::trim).find(|line| line.starts_with("issuer-host chain --trust-store")).unwrap();
    let arguments: Vec<_> = line.split(' ').skip(1).collect();
    let made = super::run(operator.directory.path(), &arguments);
    assert_eq!(String::from_utf8(made.stdout).unwrap(), operator.servers.pem(), "check tells a command that works");
}

#[test]
fn a_root_that_mozilla_trusts_needs_no_trust_store() {
    let chain = Chain::new();
    chain.desk.write("isrg.pem", &super::broken::isrg_root_x2());
    let (_, words) = chain.prints(&["isrg.pem"]);
    assert!(
        words.contains("The chain ends at CN=ISRG Root X2") && words.contains("which Mozilla trusts (O9)"),
        "{words}"
    );
    chain.is_refused(&["isrg.pem", "--trust-store"], "no trust store is needed: the chain ends at CN=ISRG Root X2");
}

#[test]
fn out_is_a_new_file_and_is_never_overwritten() {
    let chain = Chain::new();
    let arguments = ["leaf.pem", "issuing.pem", "root.pem", "--out", "chain.pem"];
    assert_eq!(chain.prints(&arguments).0, "");
    assert_eq!(chain.desk.read("chain.pem"), chain.issuing.pem() + &chain.root.pem());
    chain.is_refused(&arguments, "chain.pem is there already, and nothing is overwritten");
    let both = chain.run(&["leaf.pem", "--leaf", "--trust-store"]);
    assert_eq!(both.status.code(), Some(2), "{}", text_of(&both));
}

#[test]
fn a_configuration_gives_the_chain_of_each_environment_and_what_it_endorses_is_taken() {
    let operator = Operator::new();
    let issuing = operator.servers.intermediate("Other Issuing CA");
    let identity = issuing.issue(Spec::server("production.bank.test"));
    // Any order: the server refuses it, and this command tells how it should be.
    let turned = issuing.pem() + &identity.leaf_only().chain_pem();
    operator.write("production-chain.pem", &turned);
    operator.write("production-key.pem", &identity.key_pem());
    let production = super::SOUND.split_once("[environments.preprod]").unwrap().1;
    let production = production.replace("preprod", "production").replace("issuer.bank", "production.bank");
    let production = production.replace("server-", "production-");
    operator.edit("[environments.preprod]", &format!("[environments.production]{production}\n[environments.preprod]"));
    let run = |more: &[&str]| {
        super::run(operator.directory.path(), &[&["chain", "--config", "issuer-host.toml"][..], more].concat())
    };
    let (certificates, words) = told(&run(&[]));
    assert_eq!(certificates.matches("BEGIN CERTIFICATE").count(), 2, "{certificates}");
    assert!(
        certificates.contains("# environment preprod\n-----BEGIN")
            && certificates.contains("# environment production\n")
    );
    assert!(words.contains("the server itself needs its file in this order"), "{words}");
    assert_eq!(told(&run(&["--environment", "production"])).0, issuing.pem());

    let output = run(&["--out", "chain.pem"]);
    assert_eq!(output.status.code(), Some(1), "{}", text_of(&output));
    assert!(text_of(&output).contains("name the one for this file with --environment"), "{}", text_of(&output));
    let unknown = run(&["--environment", "prod"]);
    assert!(text_of(&unknown).contains("there is no environment \"prod\"; there is preprod, production"));
    assert_eq!(unknown.status.code(), Some(1));

    told(&run(&["--environment", "preprod", "--endorsed", "--out", "endorsed.pem"]));
    operator.write("production-chain.pem", &identity.chain_pem());
    operator.edit("certificate_chain = \"server-", "endorsed_chain = \"endorsed.pem\"\ncertificate_chain = \"server-");
    let checked = operator.run("check");
    assert_eq!(checked.status.code(), Some(0), "{}", text_of(&checked));
    assert!(text_of(&checked).contains("the chain ends at what Thales was given"), "{}", text_of(&checked));
}

#[test]
fn a_configuration_that_is_bad_is_reported_as_check_does() {
    let operator = Operator::new();
    operator.edit("product = \"tsh\"", "product = \"tsx\"");
    let output = operator.run("chain");
    assert_eq!(output.status.code(), Some(BAD_CONFIGURATION), "{}", text_of(&output));
    assert!(text_of(&output).contains("tsx") && output.stdout.is_empty(), "{}", text_of(&output));
}
