//! The server's certificate has to belong to the chain that Thales was given: at the start, and at every reload.

use rustls_pki_types::CertificateDer;

use crate::support::pki::pem;
use crate::support::{Authority, Door, HOST, Identity, Pki, QUIET, Setup, Spec, eventually, request};

const NOTICE: &str = "Thales pins your server chain: notify Thales before this change";

/// A server whose certificate is of `issuing`, and the file of what Thales was given.
struct Endorsed {
    door: Door,
    issuing: Authority,
}

/// Thales was given the issuing CA, which is no root: that very CA has to go on issuing.
async fn open() -> Endorsed {
    let mut pki = Pki::new();
    let issuing = pki.servers.intermediate("Server Issuing CA");
    pki.server = issuing.issue(Spec::server(HOST));
    let setup = Setup {
        log: QUIET,
        environment: "endorsed_chain = \"endorsed.pem\"",
        files: vec![("endorsed.pem", (issuing.pem() + &pki.servers.pem()).into_bytes())],
        ..Setup::default()
    };
    Endorsed { door: Door::behind(pki, setup).await, issuing }
}

impl Endorsed {
    fn install(&self, credential: &Identity) {
        self.door.replace("server-key.pem", credential.key_pem());
        self.door.replace("server-chain.pem", credential.chain_pem());
    }

    /// The leaf that the server presents to a caller that trusts the root.
    async fn shown(&self) -> CertificateDer<'static> {
        let stream = self.door.honest().connect().await.unwrap();
        stream.get_ref().1.peer_certificates().unwrap()[0].clone()
    }
}

#[tokio::test]
async fn a_renewal_under_the_endorsed_ca_is_installed() {
    let endorsed = open().await;
    let mut kept = endorsed.door.honest().h2().session().await.unwrap();
    for _ in 0..2 {
        let renewed = endorsed.issuing.issue(Spec::server(HOST));
        endorsed.install(&renewed);
        let report = endorsed.door.expect_reload("installed").await;
        assert_eq!((&report["leaf_changed"], &report["connections_retired"]), (&true.into(), &0.into()), "{report}");
        assert_eq!(endorsed.shown().await, *renewed.leaf());
        let reply = kept.send(request("POST", "/kept").body("".into()).unwrap()).await.unwrap();
        assert_eq!(reply.status, 200, "a connection under the certificate before");
    }
    let status = endorsed.door.server.status_of("preprod").await;
    assert_eq!((&status["endorsed"], &status["epoch"]), (&true.into(), &3.into()), "{status}");
}

#[tokio::test]
async fn a_certificate_of_another_ca_is_kept_out_and_the_old_one_stays() {
    let endorsed = open().await;
    let door = &endorsed.door;
    let before = endorsed.shown().await;
    let sibling = door.pki.servers.intermediate("Other Issuing CA").issue(Spec::server(HOST));
    let elsewhere = Authority::root("Elsewhere Root").issue(Spec::server(HOST));
    let impostor = endorsed.issuing.impostor().issue(Spec::server(HOST));
    for (who, credential) in
        [("another CA of the same root", sibling), ("another root", elsewhere), ("a CA of the same name", impostor)]
    {
        endorsed.install(&credential);
        let kept = door.expect_reload("kept").await;
        let problem = kept["problem"].as_str().unwrap();
        assert!(problem.contains(NOTICE) && problem.ends_with("; the old certificate stays"), "{who}: {problem}");
        assert_eq!(endorsed.shown().await, before, "{who}");
        let last = door.server.status_of("preprod").await["last_reload"].clone();
        assert_eq!((&last["outcome"], &last["problem"]), (&"kept".into(), &kept["problem"]), "{who}: {last}");
        // What a reload keeps out, a start refuses.
        for command in ["check", "serve"] {
            let finished = door.command(command).await;
            assert_eq!(finished.code(), Some(78), "{who}, {command}: {}", finished.text());
            assert!(finished.words().contains(NOTICE), "{who}, {command}: {}", finished.text());
            assert!(!finished.words().contains("the old certificate stays"), "there is none: {}", finished.text());
        }
        door.honest().expect_accepted("an honest client").await;
    }

    // Control: once Thales has been given the new chain, it is installed.
    let next = door.pki.servers.intermediate("Next Issuing CA");
    let credential = next.issue(Spec::server(HOST));
    endorsed.install(&credential);
    door.expect_reload("kept").await;
    door.replace("endorsed.pem", next.pem());
    door.expect_reload("installed").await;
    assert_eq!(endorsed.shown().await, *credential.leaf());
    eventually("the installation to be told", async || !door.server.events("reloaded").is_empty()).await;
    assert_eq!(door.server.told("reload_refused", 4).await.len(), 4, "each is told once");
    door.command("check").await.expect_success("check with the chain that Thales was given");
}

#[tokio::test]
async fn an_endorsed_chain_that_is_none_is_kept_out() {
    let endorsed = open().await;
    let before = endorsed.shown().await;
    let leaf = pem("CERTIFICATE", endorsed.door.pki.server.leaf());
    for (broken, word) in
        [(String::new(), "endorsed.pem"), ("garbage".to_owned(), "endorsed.pem"), (leaf, "not a leaf")]
    {
        endorsed.door.replace("endorsed.pem", broken);
        let kept = endorsed.door.expect_reload("kept").await;
        let problem = kept["problem"].as_str().unwrap();
        assert!(problem.starts_with("endorsed_chain: ") && problem.contains(word), "{problem}");
    }
    endorsed.door.replace("endorsed.pem", endorsed.issuing.pem());
    endorsed.door.expect_reload("installed").await;
    assert_eq!(endorsed.shown().await, before);
}
