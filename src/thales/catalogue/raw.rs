//! A file of the catalogue as it is written; `config/products/*.toml` says what the keys mean.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawFile {
    pub(super) product: Spanned<String>,
    pub(super) api: Option<String>,
    pub(super) base_path: Option<String>,
    pub(super) correlation: Option<String>,
    pub(super) issuer_id: Option<String>,
    #[serde(default)]
    pub(super) operation: Vec<Spanned<RawOperation>>,
    #[serde(default)]
    pub(super) unresolved: Vec<Spanned<RawUnresolved>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawOperation {
    pub(super) name: String,
    #[serde(default)]
    pub(super) summary: String,
    pub(super) api: Option<String>,
    pub(super) method: String,
    pub(super) base_path: Option<String>,
    pub(super) path: String,
    pub(super) kind: String,
    pub(super) status: Option<u16>,
    pub(super) body: Option<String>,
    #[serde(default)]
    pub(super) headers: BTreeMap<String, String>,
    pub(super) deduplication: Option<Vec<String>>,
    pub(super) deduplication_owner: Option<String>,
    pub(super) ordering: Option<Vec<String>>,
    pub(super) issuer_id: Option<String>,
    pub(super) correlation: Option<String>,
    #[serde(default)]
    pub(super) secrets: Vec<RawSecret>,
    pub(super) token_endpoint: Option<RawTokenEndpoint>,
    pub(super) evidence: Option<String>,
    #[serde(default)]
    pub(super) sources: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawSecret {
    pub(super) side: String,
    #[serde(default)]
    pub(super) field: String,
    #[serde(default)]
    pub(super) clear: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawTokenEndpoint {
    pub(super) expires_in: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawUnresolved {
    pub(super) name: String,
    pub(super) api: Option<String>,
    pub(super) kind: Option<String>,
    pub(super) known: String,
    pub(super) missing: String,
    pub(super) source: Option<String>,
}
