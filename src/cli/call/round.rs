//! One call from its request to its verdict: the token that it needs, and the tries that it takes.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use http::Request;
use http::header::AUTHORIZATION;

use super::connections::{Attempt, Connections};
use super::report::{Line, Report};
use super::request::Contents;
use super::token::{Need, Tokens};
use crate::caller::Failure;
use crate::cli::Error;
use crate::thales::operation::{IssuerId, Role};
use crate::thales::retry::retry_after;
use crate::thales::{Backoff, Example, Operation, Product, RetryRule, Verdict};

/// What the calls of a run have in common.
pub(super) struct Round {
    pub(super) connections: Connections,
    pub(super) contents: Contents,
    pub(super) tokens: Tokens,
    /// `None` = each call is made once.
    pub(super) backoff: Option<Backoff>,
    /// How long an answer may take.
    pub(super) within: Duration,
    pub(super) report: Report,
}

impl Round {
    /// Says what people should know of the calls of a product before they are made.
    pub(super) fn introduce(&self, product: Product, operations: &[&Arc<Operation>]) -> Result<(), Error> {
        if self.backoff.is_some() {
            self.report.remark(&format!("--retry, {product}: {}", RetryRule::of(product)))?;
        }
        if product == Product::Cof && !self.contents.has_second_key() {
            self.report.remark("The calls carry no API key, and Thales' do: write --api-key-file FILE (O13)")?;
        }
        if let Some(header) = operations.iter().find_map(|operation| own_length(operation)) {
            let (id, length) = (self.contents.issuer_id(), self.contents.issuer_id().chars().count());
            if length != ID_LENGTH {
                self.report.remark(&format!(
                    "--issuer-id: {id:?} has {length} characters, and in Thales' calls of {product} {header} has {ID_LENGTH} (O12)"
                ))?;
            }
        }
        if operations.iter().any(|operation| self.lacks_token(operation)) {
            self.report.remark(&format!(
                "The calls carry no access token, and Thales' calls of {product} do, where the tenant was set up for it: \
                 write --token-client ID --token-secret-file FILE (O13)"
            ))?;
        }
        Ok(())
    }

    /// Whether a call of Thales' may carry a token that ours does not.
    fn lacks_token(&self, operation: &Operation) -> bool {
        self.tokens.are_missing(operation) && !self.contents.has_own_authorization()
    }

    /// Makes a call, again where that is asked for and the answer allows it, and reports each try. Whether it went well in the end.
    ///
    /// # Errors
    /// What has nothing to do with the server.
    pub(super) async fn call(
        &mut self,
        operation: &Operation,
        mut request: Request<Bytes>,
        label: Option<&'static str>,
    ) -> Result<bool, Error> {
        if !self.authorize(operation, &mut request).await? {
            self.report.last(&Line::without_token(operation, label))?;
            return Ok(false);
        }
        let (start, rule) = (Instant::now(), RetryRule::of(operation.product));
        for tries in 1.. {
            let attempt = self.connections.send(&request, self.within).await;
            let mut line = judged(operation, &request, &attempt);
            (line.label, line.attempt) = (label, tries);
            if line.good {
                if let (Role::TokenEndpoint { .. }, Ok(answer)) = (operation.role, &attempt.outcome) {
                    self.tokens.keep(operation.product, &answer.body, Instant::now());
                }
                self.report.last(&line)?;
                return Ok(true);
            }
            let asked = match &attempt.outcome {
                Ok(answer) => retry_after(&answer.headers, SystemTime::now()),
                Err(_) => None,
            };
            let backoff = self.backoff.filter(|_| comes_again(rule, &attempt));
            let Some(wait) = backoff.and_then(|backoff| backoff.wait(tries, start.elapsed(), asked)) else {
                if let Some(backoff) = backoff {
                    line.problems.push(given_up(backoff, asked));
                }
                if matches!(operation.role, Role::TokenEndpoint { .. }) {
                    self.tokens.refuse(operation.product);
                }
                self.report.last(&line)?;
                return Ok(false);
            };
            line.again_after = Some(wait);
            if tries > 1 {
                // It was said with the first try, and is said once more with the last one.
                line.advice = None;
            }
            self.report.line(&line)?;
            tokio::time::sleep(wait).await;
        }
        Ok(false)
    }

    /// Makes a call that the server has to refuse, over these connections or over its own, and reports it.
    ///
    /// # Errors
    /// What has nothing to do with the server.
    pub(super) async fn refused(
        &mut self,
        operation: &Operation,
        request: &Request<Bytes>,
        label: &'static str,
        others: Option<&mut Connections>,
    ) -> Result<bool, Error> {
        let at_the_door = others.is_some();
        let attempt = others.unwrap_or(&mut self.connections).send(request, self.within).await;
        let mut line = judged(operation, request, &attempt);
        line.label = Some(label);
        line.is_refused_rightly(match &attempt.outcome {
            // Without a certificate nothing is answered at all (O1), and TLS says so: whoever is admitted may be cut off as well.
            Ok(answer) => !at_the_door && !answer.status.is_success(),
            Err(failure) => at_the_door && failure.is_refusal(),
        });
        let good = line.good;
        self.report.last(&line)?;
        Ok(good)
    }

    /// Reports that calls which have to be refused are not made, since the call as it should be was not acknowledged.
    ///
    /// # Errors
    /// When nothing can be written.
    pub(super) fn unproven(&mut self, operation: &Operation) -> Result<(), Error> {
        self.report.last(&Line::unproven(operation))
    }

    /// Puts the second key of D1 into a request; `false` = there is none to be had.
    pub(super) async fn authorize(
        &mut self,
        operation: &Operation,
        request: &mut Request<Bytes>,
    ) -> Result<bool, Error> {
        if request.headers().contains_key(AUTHORIZATION) {
            return Ok(true);
        }
        if let (Role::TokenEndpoint { .. }, Some(basic)) = (operation.role, self.tokens.basic()) {
            request.headers_mut().insert(AUTHORIZATION, basic.clone());
            return Ok(true);
        }
        if let Need::ObtainAt(endpoint) = self.tokens.need(operation, Instant::now()) {
            let event = self.contents.plain().event(&endpoint)?;
            if Box::pin(self.call(&endpoint, event, None)).await?
                && matches!(self.tokens.need(operation, Instant::now()), Need::ObtainAt(_))
            {
                // It was answered well, and yet with no token that can be used.
                self.tokens.refuse(operation.product);
            }
        }
        Ok(match self.tokens.need(operation, Instant::now()) {
            Need::Nothing => true,
            Need::Held(token) => {
                request.headers_mut().insert(AUTHORIZATION, token);
                true
            }
            Need::ObtainAt(_) | Need::Refused => false,
        })
    }
}

/// How long the ids of xPay's issuers are, as Thales says.
const ID_LENGTH: usize = 10;

/// The header of an id that has this length.
fn own_length(operation: &Operation) -> Option<&str> {
    match &operation.issuer_id {
        Some(IssuerId::Header(name) | IssuerId::OptionalHeader(name)) => {
            Some(name.as_str()).filter(|name| *name == "x-issuer-id")
        }
        Some(IssuerId::Path(_)) | None => None,
    }
}

/// Why there is no further try; `asked` = what the server wants to be waited.
fn given_up(backoff: Backoff, asked: Option<Duration>) -> String {
    let shown = humantime::format_duration;
    let asked = asked
        .map_or(String::new(), |asked| format!("the server asks for a wait of {} (Retry-After), and ", shown(asked)));
    format!("given up: {asked}the next try would begin more than {} after the first one", shown(backoff.all))
}

/// What came of a try, held against what Thales expects.
fn judged(operation: &Operation, request: &Request<Bytes>, attempt: &Attempt) -> Line {
    let fields = Example::of(operation).map_or(&[][..], |example| &example.answer);
    let verdict = attempt
        .outcome
        .as_ref()
        .ok()
        .map(|answer| Verdict::of(operation, fields, answer.status, &answer.headers, &answer.body));
    Line::of(operation, request, attempt, verdict)
}

/// Whether a call may be made again after this. Of calls without an answer Thales says nothing; they are made again unless one of the two
/// sides has refused the other, which it would again.
fn comes_again(rule: RetryRule, attempt: &Attempt) -> bool {
    match &attempt.outcome {
        Ok(answer) => rule.applies(answer.status),
        Err(failure) => !matches!(failure, Failure::Refused(_) | Failure::ServerRefused(_)),
    }
}
