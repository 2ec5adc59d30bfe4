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
