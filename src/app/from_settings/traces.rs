//! From settings to traces.

use super::SettingProblem;
use super::texts::texts;
use crate::settings::{PemSource, TraceSettings};
use crate::traces::{TraceError, TraceOptions};

/// The traces that settings describe; `None` without a collector, or after a problem.
pub(super) fn options(settings: &TraceSettings, problems: &mut Vec<SettingProblem>) -> Option<TraceOptions> {
    let otlp_url = settings.otlp_url.clone()?;
    let mut ca_pem = None;
    if let Some(ca) = &settings.ca {
        let held = texts("traces", &[("ca", ca)], PemSource::read, problems).remove("ca")?;
        ca_pem = Some(held.to_vec());
    }
    let options =
        TraceOptions { otlp_url, ca_pem, sample: settings.sample, service_name: settings.service_name.clone() };
    match options.check() {
        Ok(()) => Some(options),
        Err(error) => {
            let name = match error {
                TraceError::NotBuilt | TraceError::Url => "otlp_url",
                TraceError::TlsWithoutHttps | TraceError::Ca(_) => "ca",
            };
            problems.push(SettingProblem { key: format!("traces.{name}"), problem: error.to_string() });
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traces::Ratio;

    fn settings(otlp_url: Option<&str>, ca: Option<&str>) -> TraceSettings {
        let ca = ca.map(|text| PemSource::Inline(text.as_bytes().to_vec().into()));
        let otlp_url = otlp_url.map(str::to_owned);
        TraceSettings { otlp_url, ca, sample: Ratio::ALL, service_name: "issuer-host".into() }
    }

    fn problem(settings: &TraceSettings) -> (String, String) {
        let mut problems = Vec::new();
        assert!(options(settings, &mut problems).is_none());
        let SettingProblem { key, problem } = problems.pop().unwrap();
        assert!(problems.is_empty(), "{problems:?}");
        (key, problem)
    }

    #[test]
    fn without_a_collector_there_are_no_traces_and_no_problem() {
        let mut problems = Vec::new();
        assert!(options(&settings(None, Some("nothing")), &mut problems).is_none() && problems.is_empty());
    }

    #[cfg(feature = "otlp")]
    #[test]
    fn what_cannot_be_used_is_named_by_its_key() {
        assert_eq!(problem(&settings(Some("collector:4318"), None)).0, "traces.otlp_url");
        for (url, ca) in [("http://127.0.0.1:4318", "any"), ("https://127.0.0.1:4318", "no certificate")] {
            assert_eq!(problem(&settings(Some(url), Some(ca))).0, "traces.ca", "{url}");
        }
        let good = options(&settings(Some("http://127.0.0.1:4318"), None), &mut Vec::new());
        assert!(good.is_some(), "control");
    }

    #[cfg(not(feature = "otlp"))]
    #[test]
    fn a_build_without_traces_refuses_a_collector_and_says_what_to_do() {
        let (key, problem) = problem(&settings(Some("http://127.0.0.1:4318"), None));
        assert_eq!((key.as_str(), problem.contains("--features otlp")), ("traces.otlp_url", true), "{problem}");
    }
}
