use std::sync::Arc;

use tempfile::TempDir;

use super::*;
use crate::pki::RevocationMode;
use crate::pki::minting::{Minted, ca, crl, now, server, valid};
use crate::pki::trust_anchors::AnchorRules;

/// A client CA, and a server credential of another CA.
struct Material {
    client_ca: Minted,
    server_ca: Minted,
    server: Minted,
    directory: TempDir,
}

impl Material {
    fn new() -> Self {
        let (client_ca, server_ca) = (Minted::self_signed(ca("clients")), Minted::self_signed(ca("servers")));
        let server = server_ca.issue(server("server", &["tsh.bank.example"]));
        Self { client_ca, server_ca, server, directory: TempDir::new().unwrap() }
    }

    /// A file with this name and text.
    fn file(&self, name: &str, text: impl AsRef<[u8]>) -> MaterialSource {
        let path = self.directory.path().join(name);
        std::fs::write(&path, text).unwrap();
        MaterialSource::File(path)
    }

    fn sources(&self) -> MaterialSources {
        MaterialSources {
            client_ca: self.file("ca.pem", &self.client_ca.pem),
            crl: Vec::new(),
            revocation: RevocationMode::IfCovered,
            certificate_chain: self.file("chain.pem", &self.server.pem),
            private_key: self.file("key.pem", &self.server.key_pem),
            endorsed_chain: None,
            host: None,
            anchor_rules: AnchorRules::default(),
        }
    }
}

fn load(sources: &MaterialSources) -> Result<TlsMaterial, Vec<MaterialProblem>> {
    TlsMaterial::load(sources, now()).map_err(|error| error.0)
}

#[test]
fn lists_and_endorsed_chain_become_part_of_the_material() {
    let material = Material::new();
    let sources = MaterialSources {
        crl: vec![material.file("ca.crl", material.client_ca.crl(&crl(3, &[])))],
        revocation: RevocationMode::Require,
        endorsed_chain: Some(material.file("endorsed.pem", &material.server_ca.pem)),
        ..material.sources()
    };
    let loaded = load(&sources).unwrap();
    assert_eq!(loaded.revocation.mode, RevocationMode::Require);
    assert_eq!(loaded.revocation.lists.lists().len(), 1);
    assert!(loaded.revocation.lists.lists()[0].place.file.ends_with("ca.crl"));
    assert_eq!(loaded.endorsed.unwrap().authorities()[0].facts.subject, "CN=servers,O=Test");
    let checked = TlsMaterial::check(&sources.read().unwrap(), &sources, now()).unwrap();
    assert_eq!(checked.revocation.lists.lists().len(), 1);
    let bare = load(&material.sources()).unwrap();
    assert!(bare.endorsed.is_none() && bare.revocation.lists.lists().is_empty());
}

#[test]
fn all_problems_of_all_pieces_are_told_at_once_each_with_its_file() {
    let material = Material::new();
    let other_key = Minted::self_signed(ca("x")).key_pem;
    let sources = MaterialSources {
        client_ca: material.file("no-ca.pem", "nothing"),
        crl: vec![material.file("one.crl", ""), material.file("two.crl", &material.server.pem)],
        private_key: material.file("other-key.pem", other_key),
        endorsed_chain: Some(material.file("endorsed.pem", &material.server.pem)),
        ..material.sources()
    };
    let problems = load(&sources).unwrap_err();
    let told: Vec<String> = problems.iter().map(ToString::to_string).collect();
    let directory = material.directory.path().display();
    assert_eq!(told.len(), 5, "{told:#?}");
    for (told, (kind, file)) in told.iter().zip([
        ("client_ca", "no-ca.pem"),
        ("crl", "one.crl"),
        ("crl", "two.crl"),
        ("private_key", "other-key.pem"),
        ("endorsed_chain", "endorsed.pem"),
    ]) {
        assert!(told.starts_with(&format!("{kind}: {directory}/{file}: ")), "{told}");
    }
    load(&material.sources()).unwrap();
}

#[test]
fn what_cannot_be_read_hides_no_problem_of_the_rest() {
    let material = Material::new();
    let sources = MaterialSources {
        client_ca: MaterialSource::File(material.directory.path().join("missing.pem")),
        crl: vec![material.file("ca.crl", "nothing")],
        ..material.sources()
    };
    let kinds: Vec<MaterialKind> = load(&sources).unwrap_err().iter().map(|problem| problem.kind).collect();
    assert_eq!(kinds, [MaterialKind::ClientCa, MaterialKind::Crl]);
}

#[test]
fn a_list_that_an_anchor_did_not_sign_is_refused() {
    let material = Material::new();
    let with = |issuer: &Minted| MaterialSources {
        crl: vec![material.file("ca.crl", issuer.crl(&crl(1, &[])))],
        ..material.sources()
    };
    load(&with(&material.client_ca)).unwrap();
    let problems = load(&with(&Minted::self_signed(ca("clients")))).unwrap_err();
    assert!(problems[0].to_string().contains("is not signed by that CA's key"), "{}", problems[0]);
}

#[test]
fn a_chain_outside_the_endorsed_one_is_refused_and_a_reload_says_what_stays() {
    let material = Material::new();
    let with = |endorsed: &Minted| MaterialSources {
        endorsed_chain: Some(material.file("endorsed.pem", &endorsed.pem)),
        ..material.sources()
    };
    load(&with(&material.server_ca)).unwrap();
    let problems = load(&with(&Minted::self_signed(ca("former")))).unwrap_err();
    let [problem] = &problems[..] else { panic!("{problems:?}") };
    assert_eq!(problem.kind, MaterialKind::CertificateChain);
    let (start, reload) = (problem.to_string(), problem.at_reload());
    assert!(start.contains("/chain.pem: ") && start.ends_with("notify Thales before this change"), "{start}");
    assert_eq!(reload, format!("{start}; the old certificate stays"));
}

#[test]
fn warnings_name_their_file() {
    let material = Material::new();
    let expired = Minted::self_signed(valid(ca("former"), 2020, 2029));
    let stranger = Minted::self_signed(ca("stranger"));
    let sources = MaterialSources {
        client_ca: material.file("two-cas.pem", material.client_ca.pem.clone() + &expired.pem),
        crl: vec![
            material.file("one.crl", material.client_ca.crl(&crl(1, &[]))),
            material.file("two.crl", stranger.crl(&crl(1, &[]))),
        ],
        endorsed_chain: Some(material.file("endorsed.pem", material.server_ca.pem.clone() + &expired.pem)),
        ..material.sources()
    };
    let warnings = load(&sources).unwrap().warnings();
    let directory = material.directory.path().display();
    for (kind, file) in [
        ("client_ca", "two-cas.pem"),
        ("crl", "two.crl"),
        ("certificate_chain", "chain.pem"),
        ("endorsed_chain", "endorsed.pem"),
    ] {
        let start = format!("{kind}: {directory}/{file}: ");
        assert_eq!(warnings.iter().filter(|warning| warning.starts_with(&start)).count(), 1, "{start} {warnings:#?}");
    }
    assert_eq!(warnings.len(), 4, "{warnings:#?}");
}

#[test]
fn text_given_in_place_is_read_without_files() {
    let material = Material::new();
    let inline = |text: &str| MaterialSource::inline(text);
    let sources = MaterialSources {
        client_ca: inline(&material.client_ca.pem),
        crl: vec![inline(&material.client_ca.crl(&crl(1, &[]))), inline("nothing")],
        certificate_chain: inline(&material.server.pem),
        private_key: MaterialSource::Inline(Arc::new(material.server.key_pem.clone().into_bytes().into())),
        ..material.sources()
    };
    assert!(sources.files().is_empty());
    let problems = load(&sources).unwrap_err();
    assert_eq!(problems.len(), 1);
    assert!(problems[0].to_string().starts_with("crl: there is no certificate revocation list"), "{}", problems[0]);
}
