//! What the demo shows: who is admitted, who is refused.

use std::path::Path;

use rustls::version::{TLS12, TLS13};
use rustls::{AlertDescription, SupportedProtocolVersion};

use super::caller::{Caller, Outcome};
use crate::cli::{Error, say};

/// A line of the story: who calls, and what should come of it.
struct Call {
    who: &'static str,
    version: &'static SupportedProtocolVersion,
    /// Stem of the files with the client's chain and key.
    credential: Option<&'static str>,
    /// The alert that says why it is refused; `None` = it is admitted.
    refusal: Option<AlertDescription>,
}

const STORY: [Call; 6] = [
    Call { who: "a client of the CA, TLS 1.3", version: &TLS13, credential: Some("client-a"), refusal: None },
    Call { who: "the same client, TLS 1.2", version: &TLS12, credential: Some("client-a"), refusal: None },
    Call { who: "its rotated leaf, no restart", version: &TLS13, credential: Some("client-b"), refusal: None },
    Call {
        who: "nobody: no certificate",
        version: &TLS13,
        credential: None,
        refusal: Some(AlertDescription::CertificateRequired),
    },
    Call {
        who: "a client of a foreign CA",
        version: &TLS13,
        credential: Some("foreign-client"),
        refusal: Some(AlertDescription::UnknownCA),
    },
    Call {
        who: "an expired leaf of the CA",
        version: &TLS13,
        credential: Some("client-expired"),
        refusal: Some(AlertDescription::CertificateExpired),
    },
];

/// Tells the story. `true` when every call ended as it should.
pub(super) async fn tell(caller: &Caller, directory: &Path) -> Result<bool, Error> {
    let read = |name: String| {
        let path = directory.join(name);
        std::fs::read(&path).map_err(|error| format!("{} cannot be read: {error}", path.display()))
    };
    let mut right = 0;
    for call in &STORY {
        let files = match call.credential {
            None => None,
            Some(stem) => Some((read(format!("{stem}-chain.pem"))?, read(format!("{stem}-key.pem"))?)),
        };
        let credential = files.as_ref().map(|(chain, key)| (chain.as_slice(), key.as_slice()));
        let outcome = caller.call(call.version, credential).await?;
        let (as_it_should_be, what) = match &outcome {
            Outcome::Answered(status, body) => {
                let seen = serde_json::from_slice::<serde_json::Value>(body).unwrap_or_default();
                let subject = seen.pointer("/caller/issuer-host-client-subject").and_then(|subject| subject.as_str());
                let known = *status == 200 && subject.is_some();
                let subject = subject.map(|subject| subject.split(',').next().unwrap_or(subject));
                (
                    call.refusal.is_none() && known,
                    format!("{status}, the backend sees {}", subject.unwrap_or("no client")),
                )
            }
            Outcome::Refused(alert) => (call.refusal == Some(*alert), format!("refused: alert {}", name(*alert))),
            Outcome::Broken(why) => (false, format!("the connection broke: {why}")),
        };
        right += usize::from(as_it_should_be);
        let verdict = if as_it_should_be { "ok   " } else { "WRONG" };
        say(format_args!("  {verdict}  {:<30} {what}", call.who))?;
    }
    say(format_args!("\n{right} of {} calls ended as they should.", STORY.len()))?;
    Ok(right == STORY.len())
}

/// An alert as RFC 8446 section 6 writes it, where the story knows it.
fn name(alert: AlertDescription) -> String {
    match alert {
        AlertDescription::CertificateRequired => "certificate_required".to_owned(),
        AlertDescription::UnknownCA => "unknown_ca".to_owned(),
        AlertDescription::CertificateExpired => "certificate_expired".to_owned(),
        other => format!("{other:?}"),
    }
}
