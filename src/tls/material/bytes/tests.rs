use tempfile::TempDir;

use super::*;
use crate::pki::RevocationMode;
use crate::pki::trust_anchors::AnchorRules;

fn sources(of: impl Fn(&str) -> MaterialSource) -> MaterialSources {
    MaterialSources {
        client_ca: of("ca"),
        crl: vec![of("crl")],
        revocation: RevocationMode::Off,
        certificate_chain: of("chain"),
        private_key: of("key"),
        endorsed_chain: None,
        host: None,
        anchor_rules: AnchorRules::default(),
    }
}

/// Files that hold their own names.
fn files(directory: &TempDir) -> MaterialSources {
    sources(|name| {
        let path = directory.path().join(name);
        std::fs::write(&path, name).unwrap();
        MaterialSource::File(path)
    })
}

fn held(bytes: &MaterialBytes) -> Vec<(MaterialKind, &[u8])> {
    bytes.pieces.iter().map(|piece| (piece.kind, piece.bytes.as_slice())).collect()
}

#[test]
fn everything_is_read_and_named() {
    let directory = TempDir::new().unwrap();
    let sources = files(&directory);
    assert_eq!(
        held(&sources.read().unwrap()),
        [
            (MaterialKind::ClientCa, b"ca".as_slice()),
            (MaterialKind::CertificateChain, b"chain"),
            (MaterialKind::PrivateKey, b"key"),
            (MaterialKind::Crl, b"crl"),
        ]
    );
    let mut watched = sources.files();
    watched.sort();
    assert_eq!(watched, ["ca", "chain", "crl", "key"].map(|name| directory.path().join(name)));
    assert!(self::sources(|name| MaterialSource::inline(name)).files().is_empty());
}

#[test]
fn the_digest_is_that_of_every_byte_and_of_where_it_stands() {
    let inline = |with: fn(&mut MaterialSources)| {
        let mut sources = sources(|name| MaterialSource::inline(name));
        with(&mut sources);
        sources.read().unwrap().digest()
    };
    let digest = inline(|_| ());
    assert_eq!(digest, inline(|_| ()), "control");
    assert_eq!(digest, files(&TempDir::new().unwrap()).read().unwrap().digest(), "bytes count, not names of files");
    for other in [
        inline(|sources| sources.private_key = MaterialSource::inline("Key")),
        inline(|sources| sources.crl.clear()),
        inline(|sources| sources.crl.push(MaterialSource::inline(""))),
        inline(|sources| sources.endorsed_chain = sources.crl.pop()),
        inline(|sources| std::mem::swap(&mut sources.client_ca, &mut sources.certificate_chain)),
    ] {
        assert_ne!(digest, other);
    }
}

#[test]
fn what_changes_between_two_reads_is_read_until_it_rests() {
    let directory = TempDir::new().unwrap();
    let sources = files(&directory);
    let mut writes = ["new chain", "newer chain"].into_iter();
    let rested = settled(Snapshot::take(&sources), || {
        if let Some(text) = writes.next() {
            std::fs::write(directory.path().join("chain"), text).unwrap();
        }
        Snapshot::take(&sources)
    });
    assert_eq!(held(&MaterialBytes { pieces: rested.unwrap().pieces })[1].1, b"newer chain");
}

#[test]
fn what_never_rests_is_told_by_its_name() {
    let directory = TempDir::new().unwrap();
    let sources = files(&directory);
    let mut rounds = 1;
    let result = settled(Snapshot::take(&sources), || {
        rounds += 1;
        std::fs::write(directory.path().join("key"), rounds.to_string()).unwrap();
        Snapshot::take(&sources)
    });
    let Err(MaterialError(problems)) = result else { panic!("it was taken") };
    assert_eq!(rounds, files::MAX_ROUNDS);
    assert_eq!(problems.len(), 1);
    let text = problems[0].to_string();
    assert!(text.starts_with("private_key: ") && text.contains("/key: it keeps changing while it is read"), "{text}");
}

#[test]
fn a_file_that_comes_and_goes_has_not_rested() {
    let directory = TempDir::new().unwrap();
    let sources = files(&directory);
    let with = Snapshot::take(&sources);
    std::fs::remove_file(directory.path().join("crl")).unwrap();
    let without = Snapshot::take(&sources);
    assert_eq!(without.changed_since(&with).len(), 1);
    assert_eq!(with.changed_since(&without).len(), 1);
    assert!(without.changed_since(&Snapshot::take(&sources)).is_empty(), "control: it stays away");
}

#[test]
fn all_that_cannot_be_read_is_told_at_once() {
    let directory = TempDir::new().unwrap();
    let sources = files(&directory);
    std::fs::remove_file(directory.path().join("ca")).unwrap();
    std::fs::remove_file(directory.path().join("crl")).unwrap();
    let MaterialError(problems) = sources.read().unwrap_err();
    assert_eq!(
        problems.iter().map(|problem| problem.kind).collect::<Vec<_>>(),
        [MaterialKind::ClientCa, MaterialKind::Crl]
    );
    assert!(problems[1].to_string().contains("/crl: it cannot be read: "), "{}", problems[1]);
}

#[test]
fn a_file_of_more_than_16_mebibytes_is_refused() {
    let directory = TempDir::new().unwrap();
    let sources = files(&directory);
    let file = std::fs::File::create(directory.path().join("crl")).unwrap();
    file.set_len(MAX_FILE_SIZE).unwrap();
    assert!(sources.read().is_ok(), "control");
    file.set_len(MAX_FILE_SIZE + 1).unwrap();
    let text = sources.read().unwrap_err().to_string();
    assert!(text.contains("/crl: it has more than 16 MiB"), "{text}");
}

#[test]
fn nothing_that_was_read_is_shown() {
    let shown = format!("{:?}", sources(|name| MaterialSource::inline(format!("{name} SECRET"))).read().unwrap());
    assert!(!shown.contains("SECRET") && shown.contains("PrivateKey"), "{shown}");
}
