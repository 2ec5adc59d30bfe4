//! Environment variables as a layer: `ISSUER_HOST__...` for every setting, and Thales' asset names for a single
//! environment without any file.

use std::collections::BTreeMap;
use std::ffi::OsString;

use config::{Map, Value, ValueKind};

use super::key::{self, VARIABLE_PREFIX};
use super::layers::Layers;
use super::origin::{Origin, Shape};
use super::sources;

/// Variables that describe a single environment by the names that Thales gives to its parts.
pub(super) struct Asset {
    /// The name, then its aliases.
    pub(super) variables: &'static [&'static str],
    /// The setting in the environment, with a dot between table and name.
    pub(super) setting: &'static str,
}

/// The assets, in the order in which they are named to an operator.
pub(super) const ASSETS: &[Asset] = &[
    Asset { variables: &["ISSUER_HOST"], setting: "host" },
    Asset { variables: &["CUSTOMER_ID"], setting: "customer_id" },
    Asset { variables: &["PRODUCT"], setting: "product" },
    Asset { variables: &["BACKEND_URL"], setting: "backend.url" },
    Asset { variables: &["CUSTOMER_TLS_SERVER_CERTIFICATE_CHAIN"], setting: "certificate_chain" },
    Asset { variables: &["CUSTOMER_TLS_SERVER_PRIVATE_KEY"], setting: "private_key" },
    Asset { variables: &["THALES_CLIENT_CA", "TSH_TLS_CLIENT_CERTIFICATE"], setting: "client_ca" },
];

/// The name of the environment that assets describe.
pub(super) const ASSET_ENVIRONMENT: &str = "default";

/// The variable that an operator without a file sets for `setting` of the environment.
pub(super) fn asset_variable(setting: &str) -> Option<&'static str> {
    ASSETS.iter().find(|asset| asset.setting == setting).and_then(|asset| asset.variables.first().copied())
}

/// Variables that are text, by name; for the others a problem is recorded.
pub(super) fn readable(layers: &mut Layers, environment: &[(OsString, OsString)]) -> BTreeMap<String, String> {
    let mut readable = BTreeMap::new();
    for (name, value) in environment {
        let shown = name.to_string_lossy();
        if !sources::is_ours(&shown) {
            continue;
        }
        if let (Some(name), Some(value)) = (name.to_str(), value.to_str()) {
            readable.insert(name.to_owned(), value.to_owned());
        } else {
            let origin = Origin::Variable(shown.as_ref().into());
            layers.refuse("", &origin, "Name or value is not UTF-8 text.", "Set it to UTF-8 text.");
        }
    }
    readable
}

/// Adds the variables that start with our prefix as a layer.
pub(super) fn add_settings(layers: &mut Layers, variables: &BTreeMap<String, String>) {
    let mut entries = Map::new();
    let mut seen: BTreeMap<String, &str> = BTreeMap::new();
    for (name, value) in variables.iter().filter(|(name, _)| sources::is_setting(name)) {
        let origin = Origin::Variable(name.as_str().into());
        let folded = name.to_ascii_lowercase();
        let path = folded.get(VARIABLE_PREFIX.len()..).unwrap_or_default();
        let names: Vec<&str> = path.split("__").collect();
        let plain = |name: &&str| name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'));
        if names.iter().any(|name| name.is_empty()) || !names.iter().all(plain) {
            let remedy = format!("Write it as {VARIABLE_PREFIX}SERVER__LISTEN: two underscores between names.");
            layers.refuse("", &origin, "This variable names no setting.", remedy);
            continue;
        }
        let key = names.join(".");
        if let Some(twin) = seen.insert(folded.clone(), name) {
            let problem = format!("{twin} is the same setting: case does not matter in names of variables.");
            layers.refuse(key, &origin, problem, "Keep one of the two.");
            continue;
        }
        insert(layers, &mut entries, &names, value, &origin);
    }
    layers.add(entries);
}

/// Adds the assets as the environment `default`. They are used where nothing else defines an environment; settings of
/// that very environment in variables (`ISSUER_HOST__ENVIRONMENTS__DEFAULT__...`) may add to them. The answer says
/// which variables were used, or else a warning that they were not.
pub(super) fn add_assets(layers: &mut Layers, variables: &BTreeMap<String, String>) -> Assets {
    // Containers are often given empty variables for what is not set.
    let value = |name: &&str| variables.get(*name).filter(|value| !value.trim().is_empty());
    let set: Vec<&str> =
        ASSETS.iter().flat_map(|asset| asset.variables).copied().filter(|name| value(name).is_some()).collect();
    if set.is_empty() {
        return Assets::Absent;
    }
    if layers.origins.shape("environments") == Some(Shape::Table) || defines_another_environment(variables) {
        return Assets::Unused(set);
    }
    let mut entries = Map::new();
    for asset in ASSETS {
        let given: Vec<(&str, &String)> =
            asset.variables.iter().filter_map(|name| Some((*name, value(name)?))).collect();
        let Some((name, text)) = given.first() else { continue };
        let origin = Origin::Variable((*name).into());
        let setting = format!("environments.{ASSET_ENVIRONMENT}.{}", asset.setting);
        let names: Vec<&str> = setting.split('.').collect();
        insert(layers, &mut entries, &names, text, &origin);
        if let Some((alias, _)) = given.iter().skip(1).find(|(_, other)| other.trim() != text.trim()) {
            let problem = format!("{name} and {alias} name the same thing and differ.");
            layers.refuse(setting, &origin, problem, format!("Set {name} alone."));
        }
    }
    layers.add(entries);
    Assets::Used
}

/// What became of the asset variables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Assets {
    /// None is set.
    Absent,
    /// They define the only environment.
    Used,
    /// These are set, but environments are defined elsewhere.
    Unused(Vec<&'static str>),
}

fn defines_another_environment(variables: &BTreeMap<String, String>) -> bool {
    let all = format!("{VARIABLE_PREFIX}environments__").to_ascii_lowercase();
    let own = format!("{all}{ASSET_ENVIRONMENT}__");
    let mut names = variables.keys().map(|name| name.to_ascii_lowercase());
    names.any(|name| name.starts_with(&all) && !name.starts_with(&own))
}

fn insert(layers: &mut Layers, entries: &mut Map<String, Value>, names: &[&str], value: &str, origin: &Origin) {
    let Some((last, tables)) = names.split_last() else { return };
    let mut path = String::new();
    let mut entries = entries;
    for name in tables {
        path = key::join(&path, name);
        if !layers.admit(&path, Shape::Table, origin) {
            return;
        }
        let below = entries.entry((*name).to_owned()).or_insert_with(|| Value::new(None, Map::<String, Value>::new()));
        let ValueKind::Table(table) = &mut below.kind else { return };
        entries = table;
    }
    if layers.admit(&key::join(&path, last), Shape::Value, origin) {
        entries.insert((*last).to_owned(), Value::new(None, value));
    }
}
