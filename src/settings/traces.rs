//! `[traces]`: where spans of calls and deliveries are sent.

use std::path::Path;

use config::ValueKind;

use super::path;
use super::pem_source::PemSource;
use super::reader::Section;
use super::typed::{self, Parsed, Raw, raw_shown, wrong};
use crate::traces::Ratio;

/// `[traces]`.
#[derive(Clone, PartialEq, Eq)]
pub struct TraceSettings {
    /// The collector, to which `/v1/traces` is added; `None` = there are no traces.
    pub otlp_url: Option<String>,
    /// Certificates that the collector's certificate must chain to; `None` for the CAs that Mozilla trusts.
    pub ca: Option<PemSource>,
    /// Which part of calls is recorded.
    pub sample: Ratio,
    /// The name of the service that spans are from.
    pub service_name: String,
}

/// Without the URL: it may hold a password, which is refused later.
impl std::fmt::Debug for TraceSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TraceSettings").field("sample", &self.sample).finish_non_exhaustive()
    }
}

impl TraceSettings {
    /// Every file that they name.
    pub(super) fn files(&self) -> impl Iterator<Item = &Path> {
        self.ca.as_ref().and_then(PemSource::path).into_iter()
    }
}

pub(super) fn read(section: &mut Section<'_>) -> Option<TraceSettings> {
    let otlp_url = section.optional("otlp_url", typed::text);
    let ca = section.optional("ca", path::pem(false));
    let sample = section.required("sample", ratio);
    let service_name = section.required("service_name", typed::text);
    if let (Some(None), Some(Some(_))) = (&otlp_url, &ca) {
        section.warn("traces.ca has no effect without traces.otlp_url.");
    }
    Some(TraceSettings { otlp_url: otlp_url?, ca: ca?, sample: sample?, service_name: service_name? })
}

/// A number from 0 to 1.
fn ratio(raw: &Raw<'_>) -> Parsed<Ratio> {
    const REMEDY: &str = "Write a number from 0.0 (no call) to 1.0 (every call), such as 0.1 for one in ten.";
    let part = match raw.kind {
        ValueKind::Float(part) => Some(*part),
        // Of whole numbers only these two make sense.
        ValueKind::I64(0) => Some(0.0),
        ValueKind::I64(1) => Some(1.0),
        ValueKind::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    match part.and_then(Ratio::new) {
        Some(ratio) => Ok(ratio),
        None => wrong(format!("{} is not a part of all calls.", raw_shown(raw)), REMEDY),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{MINIMAL, Place, load, sole_problem};
    use super::super::typed::tests::parse;
    use super::*;

    #[test]
    fn without_a_collector_there_are_no_traces() {
        let traces = load(&Place::new(), MINIMAL).traces;
        let expected =
            TraceSettings { otlp_url: None, ca: None, sample: Ratio::ALL, service_name: "issuer-host".into() };
        assert_eq!(traces, expected);
    }

    #[test]
    fn a_ratio_is_a_number_and_a_variable_may_hold_it() {
        assert_eq!(parse(0.25, ratio), Ok(Ratio::new(0.25).unwrap()));
        assert_eq!(parse("0.25", ratio), Ok(Ratio::new(0.25).unwrap()));
        assert_eq!((parse(1, ratio), parse(0, ratio)), (Ok(Ratio::ALL), Ok(Ratio::new(0.0).unwrap())));
        assert!(parse(true, ratio).is_err() && parse("all", ratio).is_err());
        let (key, text) = sole_problem(&Place::new(), &format!("traces.sample = 10\n{MINIMAL}"));
        assert_eq!((key.as_str(), text.contains("10 is not a part of all calls.")), ("traces.sample", true), "{text}");
    }

    #[test]
    fn a_ca_without_a_collector_is_warned_of() {
        let warnings = load(&Place::new(), &format!("traces.ca = \"ca.pem\"\n{MINIMAL}")).warnings;
        assert!(warnings.iter().any(|warning| warning.contains("traces.ca has no effect")), "{warnings:?}");
    }
}
