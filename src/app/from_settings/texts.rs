//! The files that settings name, read together.

use std::collections::BTreeMap;
use std::io;

use zeroize::Zeroizing;

use super::SettingProblem;
use crate::files::{self, KEEPS_CHANGING};
use crate::settings::PemSource;

/// The texts that the settings of `table` name, read together until two reads agree, by the name of the setting; what cannot be read is
/// missing, and told.
pub(super) fn texts<'a>(
    table: &str,
    sources: &[(&'a str, &PemSource)],
    mut read: impl FnMut(&PemSource) -> io::Result<Zeroizing<Vec<u8>>>,
    problems: &mut Vec<SettingProblem>,
) -> BTreeMap<&'a str, Zeroizing<Vec<u8>>> {
    let problem = |name: &str, problem| SettingProblem { key: format!("{table}.{name}"), problem };
    let mut take = || sources.iter().map(|(_, source)| read(source)).collect::<Vec<_>>();
    let first = take();
    let texts = if sources.iter().all(|(_, source)| source.path().is_none()) {
        // What stands in the setting itself does not change.
        Ok(first)
    } else {
        files::settled(first, take, |last, next| {
            let differs = |(last, next): (&io::Result<_>, &io::Result<_>)| match (last, next) {
                (Ok(last), Ok(next)) => last != next,
                (last, next) => last.is_ok() != next.is_ok(),
            };
            let changed = sources.iter().zip(last.iter().zip(next)).filter(|(_, reads)| differs(*reads));
            let changed: Vec<_> = changed
                .map(|((name, source), _)| problem(name, format!("{}: {KEEPS_CHANGING}", source.shown())))
                .collect();
            (!changed.is_empty()).then_some(changed)
        })
    };
    let texts = match texts {
        Ok(texts) => texts,
        Err(changed) => {
            problems.extend(changed);
            return BTreeMap::new();
        }
    };
    let mut held = BTreeMap::new();
    for ((name, source), text) in sources.iter().zip(texts) {
        match text {
            Ok(text) => {
                held.insert(*name, text);
            }
            Err(error) => problems.push(problem(name, format!("{} cannot be read: {error}", source.shown()))),
        }
    }
    held
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A backend's certificate and key as files, read as `read` says.
    fn read_by(
        read: impl FnMut(&PemSource) -> io::Result<Zeroizing<Vec<u8>>>,
    ) -> Result<BTreeMap<&'static str, Zeroizing<Vec<u8>>>, Vec<SettingProblem>> {
        let (certificate, key) = (PemSource::File("certificate".into()), PemSource::File("key".into()));
        let mut problems = Vec::new();
        let sources = [("client_certificate", &certificate), ("client_key", &key)];
        let texts = texts("environments.preprod.backend", &sources, read, &mut problems);
        if problems.is_empty() { Ok(texts) } else { Err(problems) }
    }

    #[test]
    fn files_are_read_together_until_they_rest() {
        let text = |text: &str| Ok(Zeroizing::new(text.as_bytes().to_vec()));
        // Another certificate is there at once, its key not before the third read.
        let mut keys = ["old key", "old key, half of the new"].into_iter();
        let mut certificates = ["old certificate"].into_iter();
        let found = read_by(|source| match source.path().and_then(|path| path.to_str()) {
            Some("key") => text(keys.next().unwrap_or("new key")),
            _ => text(certificates.next().unwrap_or("new certificate")),
        });
        let found = found.unwrap();
        assert_eq!(found["client_certificate"].as_slice(), b"new certificate");
        assert_eq!(found["client_key"].as_slice(), b"new key");

        let mut reads = 0;
        let problems = read_by(|source| {
            reads += 1;
            text(if source.path().is_some_and(|path| path.ends_with("key")) {
                ["a", "b"][reads / 2 % 2]
            } else {
                "same"
            })
        });
        let problems = problems.unwrap_err();
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert_eq!(problems[0].key, "environments.preprod.backend.client_key");
        assert!(problems[0].problem.starts_with("key: it keeps changing"), "{problems:?}");
    }
}
