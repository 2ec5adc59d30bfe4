use std::path::PathBuf;

use tempfile::TempDir;

use super::*;
use crate::pki::RevocationMode;
use crate::pki::minting::{Minted, ca, server};
use crate::pki::trust_anchors::AnchorRules;
use crate::tls::MaterialSource;

/// An environment that trusts two CAs of one file.
struct Trusting {
    environment: TlsEnvironment,
    sources: MaterialSources,
    first: Minted,
    second: Minted,
    directory: TempDir,
}

impl Trusting {
    fn new() -> Self {
        let (first, second) = (Minted::self_signed(ca("First CA")), Minted::self_signed(ca("Second CA")));
        let credential = Minted::self_signed(ca("Server CA")).issue(server("issuer.test", &["issuer.test"]));
        let directory = TempDir::new().unwrap();
        let file = directory.path().join("ca.pem");
        std::fs::write(&file, first.pem.clone() + &second.pem).unwrap();
        let sources = MaterialSources {
            client_ca: MaterialSource::File(file),
            crl: Vec::new(),
            revocation: RevocationMode::IfCovered,
            certificate_chain: MaterialSource::inline(credential.pem.as_str()),
            private_key: MaterialSource::inline(credential.key_pem.as_str()),
            endorsed_chain: None,
            host: None,
            anchor_rules: AnchorRules::default(),
        };
        let bytes = sources.read().unwrap();
        let material = TlsMaterial::check(&bytes, &sources, crate::tls::now()).unwrap();
        let epoch = Epoch::build(1, material, bytes.digest(), &EpochOptions::default()).unwrap();
        Self { environment: TlsEnvironment::new("test", epoch), sources, first, second, directory }
    }

    fn file(&self) -> PathBuf {
        self.directory.path().join("ca.pem")
    }

    fn write(&self, cas: &[&Minted]) {
        let text: String = cas.iter().map(|ca| ca.pem.as_str()).collect();
        std::fs::write(self.file(), text).unwrap();
    }

    /// Reloads; `while_resting` is called each time that the file is left to rest. Returns how often that was.
    fn reload(&self, mut while_resting: impl FnMut(usize)) -> (Result<ReloadReport, ReloadProblem>, usize) {
        let mut rests = 0;
        let prepared = self.environment.prepare_rested(&self.sources, &EpochOptions::default(), false, |file| {
            assert_eq!(file, self.file());
            rests += 1;
            while_resting(rests);
        });
        (prepared.map(|prepared| self.environment.commit(prepared)), rests)
    }
}

/// How many anchors a reload added and removed.
fn installed(report: Result<ReloadReport, ReloadProblem>) -> (usize, usize) {
    match report {
        Ok(ReloadReport::Installed { anchors_added, anchors_removed, .. }) => {
            (anchors_added.len(), anchors_removed.len())
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_bundle_of_which_the_end_is_still_being_written_removes_nobody() {
    let trusting = Trusting::new();
    let third = Minted::self_signed(ca("Third CA"));
    let whole = [&trusting.first, &trusting.second, &third];
    // Cut between two certificates: a good bundle, as far as anybody can tell.
    trusting.write(&whole[..1]);
    let (report, rests) = trusting.reload(|_| trusting.write(&whole));
    assert_eq!((installed(report), rests), ((1, 0), 1));

    // Once the whole is what it was, nothing has happened.
    trusting.write(&whole[..2]);
    let (report, rests) = trusting.reload(|_| trusting.write(&whole));
    assert!(matches!(report, Ok(ReloadReport::Unchanged)) && rests == 1, "{report:?}");

    trusting.write(&whole[..1]);
    let (report, rests) = trusting.reload(|_| ());
    assert_eq!((installed(report), rests), ((0, 2), 1), "control: a removal that rests is one");
}

#[test]
fn only_a_removal_is_waited_for() {
    let trusting = Trusting::new();
    let third = Minted::self_signed(ca("Third CA"));
    assert!(matches!(trusting.reload(|_| ()), (Ok(ReloadReport::Unchanged), 0)));
    trusting.write(&[&trusting.first, &trusting.second, &third]);
    let (report, rests) = trusting.reload(|_| ());
    assert_eq!((installed(report), rests), ((1, 0), 0));
    trusting.write(&[&third]);
    let (report, rests) = trusting.reload(|_| ());
    assert_eq!((installed(report), rests), ((0, 2), 1), "control");
}

#[test]
fn a_bundle_that_is_written_all_the_while_is_told_and_changes_nothing() {
    let trusting = Trusting::new();
    let others: Vec<Minted> = (0..=MAX_RESTS).map(|at| Minted::self_signed(ca(&format!("CA {at}")))).collect();
    trusting.write(&[&others[0]]);
    let (report, rests) = trusting.reload(|rests| trusting.write(&[&others[rests]]));
    let problem = report.unwrap_err().to_string();
    assert!(problem.contains("client_ca: ") && problem.contains("ca.pem: it keeps changing"), "{problem}");
    assert_eq!((rests, trusting.environment.epoch_number()), (MAX_RESTS, 1));
}

#[test]
fn what_cannot_be_told_to_have_rested_has_not() {
    let directory = TempDir::new().unwrap();
    assert_eq!(still_to_rest(&directory.path().join("nothing")), REST);
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
    let ago = |millis| Some(now - Duration::from_millis(millis));
    assert_eq!(left_of_rest(ago(0), now), REST);
    assert_eq!(left_of_rest(ago(40), now), REST - Duration::from_millis(40));
    assert_eq!(left_of_rest(ago(1000), now), Duration::ZERO);
    assert_eq!(left_of_rest(Some(now + Duration::from_secs(1)), now), REST, "a file of the future");
    // The times that a writer can choose do not count: `cp -p` keeps those of a file of years ago.
    let file = directory.path().join("ca.pem");
    let written = std::fs::File::create(&file).unwrap();
    let before = changed_at(&file).unwrap();
    written.set_modified(SystemTime::UNIX_EPOCH).unwrap();
    assert!(changed_at(&file).unwrap() >= before);
}
