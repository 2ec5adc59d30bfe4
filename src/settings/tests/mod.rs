//! Settings as a whole: what loads, what does not, and what an operator reads then.

mod broken;
mod documented;
mod interpreter;
mod never_panics;
mod printed;
mod renewal;
mod round_trip;
mod sources;
mod written;

use std::ffi::OsString;
use std::path::Path;

use super::layers::Layers;
use super::{Report, Settings};

/// A directory with a file for every PEM setting. Settings are not concerned with what is in them.
pub(super) struct Place {
    directory: tempfile::TempDir,
}

/// The five settings that an environment needs.
pub(super) const MINIMAL: &str = r#"
[environments.preprod]
product = "tsh"
customer_id = "0012345678"
client_ca = "ca.pem"
certificate_chain = "chain.pem"
private_key = "key.pem"
backend.url = "http://127.0.0.1:8080"
"#;

impl Place {
    pub(super) fn new() -> Self {
        let place = Self { directory: tempfile::tempdir().unwrap() };
        for name in ["ca.pem", "chain.pem", "key.pem"] {
            place.write(name, "text");
        }
        place
    }

    pub(super) fn path(&self) -> &Path {
        self.directory.path()
    }

    pub(super) fn write(&self, name: &str, text: &str) {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    pub(super) fn load(&self, text: &str) -> Result<Settings, Report> {
        self.load_with(text, &[])
    }

    /// Loads `text` as if it were the file `issuer-host.toml` here, and variables with `DIR` for this directory.
    pub(super) fn load_with(&self, text: &str, variables: &[(&str, &str)]) -> Result<Settings, Report> {
        let file = self.path().join("issuer-host.toml");
        super::load(Layers::default(), Some((&file, text)), &self.variables(variables))
    }

    pub(super) fn load_variables(&self, variables: &[(&str, &str)]) -> Result<Settings, Report> {
        super::load(Layers::default(), None, &self.variables(variables))
    }

    fn variables(&self, variables: &[(&str, &str)]) -> Vec<(OsString, OsString)> {
        let here = self.path().to_str().unwrap();
        variables.iter().map(|(name, value)| (name.into(), value.replace("DIR", here).into())).collect()
    }

    /// A report as it is printed, with `DIR` for this directory.
    pub(super) fn print(&self, outcome: Result<Settings, Report>) -> String {
        outcome.unwrap_err().to_string().replace(self.path().to_str().unwrap(), "DIR")
    }
}

/// Settings of a text that is good.
#[track_caller]
pub(super) fn load(place: &Place, text: &str) -> Settings {
    place.load(text).unwrap_or_else(|report| panic!("{report}"))
}

/// The key of the only problem of a text, and what is said about it.
#[track_caller]
pub(super) fn sole_problem(place: &Place, text: &str) -> (String, String) {
    let report = place.load(text).unwrap_err();
    let [finding] = report.findings() else { panic!("{report}") };
    (finding.key.clone(), format!("{} {}", finding.problem, finding.remedy))
}

/// Variables of a single environment without a file.
pub(super) const ASSETS: &[(&str, &str)] = &[
    ("ISSUER_HOST", "tsh-pp.bank.example"),
    ("CUSTOMER_ID", "0012345678"),
    ("PRODUCT", "d1,tsh"),
    ("BACKEND_URL", "http://127.0.0.1:8080"),
    ("CUSTOMER_TLS_SERVER_CERTIFICATE_CHAIN", "DIR/chain.pem"),
    ("CUSTOMER_TLS_SERVER_PRIVATE_KEY", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"),
    ("THALES_CLIENT_CA", "DIR/ca.pem"),
];
