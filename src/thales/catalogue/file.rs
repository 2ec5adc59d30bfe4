//! One file of the catalogue: from its text to operations, with everything that is wrong with it.

use toml::Spanned;

use super::raw::{RawFile, RawOperation, RawUnresolved};
use super::{CatalogueProblem, Unresolved};
use crate::thales::acknowledgement::Acknowledgement;
use crate::thales::finding::Finding;
use crate::thales::operation::{Evidence, ExpiresIn, Kind, Operation, Role, SecretField, Side};
use crate::thales::{Product, reading};

/// What takes the place of a file's own value where an operation has none: no id, no such header.
const NONE: &str = "none";

/// A file that is good.
#[derive(Debug, Default)]
pub(super) struct CatalogueFile {
    /// Its operations with the lines they begin at.
    pub(super) operations: Vec<(usize, Operation)>,
    pub(super) unresolved: Vec<Unresolved>,
}

impl CatalogueFile {
    /// Reads `text`; `file` is its name in messages.
    pub(super) fn parse(file: &str, text: &str) -> Result<Self, Vec<CatalogueProblem>> {
        let raw: RawFile = toml::from_str(text).map_err(|error| {
            vec![CatalogueProblem {
                file: file.to_owned(),
                line: error.span().map(|span| line(text, span.start)),
                problem: error.message().to_owned(),
                remedy: "correct this line; docs/operations.md and our own files show the keys".to_owned(),
            }]
        })?;
        let at = |offset: usize| {
            move |finding: Finding| CatalogueProblem {
                file: file.to_owned(),
                line: Some(line(text, offset)),
                problem: match finding.field {
                    Some(field) => format!("{field}: {}", finding.problem),
                    None => finding.problem,
                },
                remedy: finding.remedy,
            }
        };
        let product = Product::from_name(raw.product.get_ref()).map_err(|error| {
            vec![at(raw.product.span().start)(Finding::new("product", error.to_string(), error.remedy()))]
        })?;

        let mut read = Self::default();
        let mut problems = Vec::new();
        for row in &raw.operation {
            let offset = row.span().start;
            match operation(product, &raw, row.get_ref()) {
                Ok(operation) => read.operations.push((line(text, offset), operation)),
                Err(findings) => problems.extend(findings.into_iter().map(at(offset))),
            }
        }
        for row in &raw.unresolved {
            match unresolved(product, &raw, row) {
                Ok(unresolved) => read.unresolved.push(unresolved),
                Err(finding) => problems.push(at(row.span().start)(finding)),
            }
        }
        if problems.is_empty() { Ok(read) } else { Err(problems) }
    }
}

fn operation(product: Product, file: &RawFile, raw: &RawOperation) -> Result<Operation, Vec<Finding>> {
    let mut findings = Findings(Vec::new());
    let base_path = raw.base_path.as_ref().or(file.base_path.as_ref());
    let base_path = findings.unless(reading::base_path(base_path.map_or("", String::as_str)));
    let name = findings.unless(reading::name(&raw.name));
    let method = findings.unless(reading::method(&raw.method));
    let path = findings.unless(reading::path(&raw.path));
    let kind = findings.unless(reading::kind(&raw.kind));
    let evidence = raw.evidence.as_deref().map_or(Ok(Evidence::Operator), reading::evidence);
    let evidence = findings.unless(evidence);
    let headers: Vec<_> = raw.headers.clone().into_iter().collect();
    let acknowledgement = Acknowledgement::usual(product).with(raw.status, raw.body.as_deref(), &headers);
    let acknowledgement = acknowledgement.map_err(|wrong| findings.0.extend(wrong)).ok();
    if let Some(acknowledgement) = &acknowledgement {
        findings.unless(acknowledgement.check(product));
    }
    let owner = raw.deduplication_owner.as_deref().map(reading::key_owner).transpose();
    let owner = findings.unless(owner).flatten();
    let deduplication = findings.unless(reading::deduplication(raw.deduplication.as_deref(), owner, &raw.path));
    let ordering = raw.ordering.as_deref().map(|parts| reading::key("ordering", parts, &raw.path)).transpose();
    let ordering = findings.unless(ordering);
    let issuer_id = own_or_common(raw.issuer_id.as_deref(), file.issuer_id.as_deref());
    let issuer_id = findings.unless(issuer_id.map(|text| reading::issuer_id(text, &raw.path)).transpose());
    let correlation = own_or_common(raw.correlation.as_deref(), file.correlation.as_deref());
    let correlation = findings.unless(correlation.map(|text| reading::header("correlation", text)).transpose());
    let secrets = raw.secrets.iter().filter_map(|secret| {
        let side = findings.unless(reading::one_of("secrets", &secret.side, &Side::ALL, Side::name))?;
        Some(SecretField { side, field: secret.field.clone(), clear: secret.clear })
    });
    let secrets = secrets.collect();
    let role = findings.unless(role(raw));

    // Whatever is missing here stands in the findings.
    let complete = || {
        Some(Operation {
            product,
            name: name?,
            summary: raw.summary.clone(),
            api: raw.api.clone().or_else(|| file.api.clone()).unwrap_or_default(),
            method: method?,
            base_path: base_path?,
            path: path?,
            kind: kind?,
            acknowledgement: acknowledgement?,
            deduplication: deduplication?,
            ordering: ordering?,
            issuer_id: issuer_id?,
            correlation: correlation?,
            secrets,
            role: role?,
            evidence: evidence?,
            sources: raw.sources.clone(),
            backend: None,
            deadline: None,
        })
    };
    match complete() {
        Some(operation) if findings.0.is_empty() => Ok(operation),
        _ => Err(findings.0),
    }
}

fn role(raw: &RawOperation) -> Result<Role, Finding> {
    let Some(endpoint) = &raw.token_endpoint else { return Ok(Role::Business) };
    // RFC 6749 section 3.2: the client must use POST.
    if raw.method != "POST" || raw.kind != Kind::Query.name() {
        return Err(Finding::new(
            "token_endpoint",
            "access tokens are asked for with a query whose verb is POST",
            "set method = \"POST\" and kind = \"query\"",
        ));
    }
    let expires_in = reading::one_of("token_endpoint", &endpoint.expires_in, &ExpiresIn::ALL, ExpiresIn::name)?;
    Ok(Role::TokenEndpoint { expires_in })
}

fn unresolved(product: Product, file: &RawFile, raw: &Spanned<RawUnresolved>) -> Result<Unresolved, Finding> {
    let raw = raw.get_ref();
    Ok(Unresolved {
        product,
        name: raw.name.clone(),
        api: raw.api.clone().or_else(|| file.api.clone()).unwrap_or_default(),
        kind: raw.kind.as_deref().map(reading::kind).transpose()?,
        known: raw.known.clone(),
        missing: raw.missing.clone(),
        source: raw.source.clone(),
    })
}

fn own_or_common<'a>(own: Option<&'a str>, common: Option<&'a str>) -> Option<&'a str> {
    own.or(common).filter(|&text| text != NONE)
}

/// What is wrong with a row, as it is found.
struct Findings(Vec<Finding>);

impl Findings {
    /// The value, unless there is something wrong with it, which is kept.
    fn unless<T>(&mut self, result: Result<T, Finding>) -> Option<T> {
        result.map_err(|finding| self.0.push(finding)).ok()
    }
}

/// The line of a byte, counted from one.
fn line(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|&byte| byte == b'\n').count() + 1
}
