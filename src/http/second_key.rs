//! What a call has to show on top of its client certificate: the API key of merchant tokenization, the bearer token of D1, an issuer
//! id that is the customer's. A credential that was verified here goes no further.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::SystemTime;

use ::http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use ::http::{HeaderName, HeaderValue, Request, Response, Version};
use axum::body::Body;
use futures_util::future::{BoxFuture, Either};
use tower::{Layer, Service};

use super::access::Observed;
use super::accounting::Accounting;
use super::call::{Call, Sensitive};
use super::interpreter::{IdPlace, UnknownOperations};
use super::stack::Connection;
use super::{Problem, ProblemKind, ResponseBody};
use crate::auth::bearer::{TokenClaims, TokenRefusal, Verdict};
use crate::telemetry::events;
use crate::thales::Product;
use crate::thales::operation::{IssuerId, Role};

/// Puts a [`SecondKey`] before a service.
#[derive(Clone, Debug)]
pub(crate) struct SecondKeyLayer {
    pub(crate) connection: Arc<Connection>,
    pub(crate) accounting: Option<Arc<dyn Accounting>>,
}

impl<S> Layer<S> for SecondKeyLayer {
    type Service = SecondKey<S>;

    fn layer(&self, inner: S) -> Self::Service {
        SecondKey { layer: self.clone(), inner }
    }
}

/// Lets those calls pass that satisfy what their product demands; without an interpreter, all of them.
#[derive(Clone, Debug)]
pub(crate) struct SecondKey<S> {
    layer: SecondKeyLayer,
    inner: S,
}

type Answered = Result<Response<ResponseBody>, Infallible>;

impl<S> Service<Request<Body>> for SecondKey<S>
where
    S: Service<Request<Body>, Response = Response<ResponseBody>, Error = Infallible, Future: Send + 'static>
        + Clone
        + Send
        + 'static,
{
    type Response = Response<ResponseBody>;
    type Error = Infallible;
    type Future = Either<S::Future, Either<Ready<Answered>, BoxFuture<'static, Answered>>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let Some(call) = request.extensions().get::<Call>().cloned() else {
            return Either::Left(self.inner.call(request));
        };
        match admit(&call, &request) {
            Admission::Granted { verified } => Either::Left(self.inner.call(entered(request, &call, verified))),
            Admission::Refused(refusal) => {
                self.layer.tell(&refusal);
                Either::Right(Either::Left(ready(Ok(refusal.response(request.version())))))
            }
            Admission::Pending(verdict) => {
                // Taken by value: the clone that stays is called next.
                let (mut inner, layer) = (self.inner.clone(), self.layer.clone());
                Either::Right(Either::Right(Box::pin(async move {
                    match verdict.await {
                        Ok(claims) => {
                            showed(&request, claims.holder());
                            inner.call(entered(request, &call, true)).await
                        }
                        Err(refusal) => {
                            let refusal = Refusal::of_token(&call, refusal);
                            layer.tell(&refusal);
                            Ok(refusal.response(request.version()))
                        }
                    }
                })))
            }
        }
    }
}

/// What is decided about a call.
enum Admission {
    /// It may go on; whether a credential of it was verified.
    Granted { verified: bool },
    /// It may not.
    Refused(Refusal),
    /// The keys that its token is to be judged by are on their way.
    Pending(BoxFuture<'static, Result<Arc<TokenClaims>, TokenRefusal>>),
}

/// Why a call may not go on.
#[derive(Clone, Debug)]
struct Refusal {
    product: Option<Product>,
    problem: Problem,
    /// For logs and metrics; one of a closed list.
    reason: &'static str,
    /// What the caller could show (RFC 9110 section 11.6.1).
    challenge: Option<HeaderValue>,
}

impl Refusal {
    fn new(product: Option<Product>, problem: ProblemKind, reason: &'static str) -> Self {
        Self { product, problem: problem.into(), reason, challenge: None }
    }

    fn of_token(call: &Call, refusal: TokenRefusal) -> Self {
        let problem = match refusal {
            TokenRefusal::NoKeys => ProblemKind::IdentityProviderUnavailable,
            _ => ProblemKind::Unauthenticated("An access token that is valid here is needed."),
        };
        Self { challenge: Some(refusal.www_authenticate()), ..Self::new(call.product(), problem, refusal.name()) }
    }

    fn response(self, version: Version) -> Response<ResponseBody> {
        let mut response = self.problem.response(version);
        if let Some(challenge) = self.challenge {
            response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
        }
        response
    }
}

fn admit(call: &Call, request: &Request<Body>) -> Admission {
    if call.allowed_methods().is_some() {
        return Admission::Refused(Refusal::new(call.product(), ProblemKind::MethodNotAllowed, "method"));
    }
    let interpreter = call.interpreter();
    // Unknown is no way round authentication: a call that no product claims has to satisfy all of them.
    let own = call.product();
    let products = own.as_ref().map_or(interpreter.routes().products(), std::slice::from_ref);
    let mut verified = false;
    let mut pending = None;
    if !is_token_request(call) {
        for product in products {
            match credential(call, *product, request, SystemTime::now()) {
                Credential::NotDemanded => {}
                Credential::Verified => verified = true,
                Credential::Refused(refusal) => return Admission::Refused(refusal),
                Credential::Pending(verdict) => pending = Some(verdict),
            }
        }
    }
    for product in products {
        if let Err(refusal) = issuer_id(call, *product, request) {
            return Admission::Refused(refusal);
        }
    }
    if call.operation().is_none() && interpreter.options().unknown == UnknownOperations::Reject {
        return Admission::Refused(Refusal::new(own, ProblemKind::UnknownOperation, "unknown_operation"));
    }
    match pending {
        Some(verdict) => Admission::Pending(verdict),
        None => Admission::Granted { verified },
    }
}

/// Who asks for a token has none yet, whether this server makes them or what is behind it.
fn is_token_request(call: &Call) -> bool {
    call.operation().is_some_and(|operation| matches!(operation.role, Role::TokenEndpoint { .. }))
}

enum Credential {
    NotDemanded,
    Verified,
    Refused(Refusal),
    Pending(BoxFuture<'static, Result<Arc<TokenClaims>, TokenRefusal>>),
}

/// The credential that `product` wants to see.
fn credential(call: &Call, product: Product, request: &Request<Body>, now: SystemTime) -> Credential {
    let options = call.interpreter().options();
    match (product, &options.api_keys, &options.tokens) {
        (Product::Cof, Some(keys), _) => match keys.verify(request.headers(), now) {
            Ok(key) => {
                showed(request, key);
                Credential::Verified
            }
            Err(refusal) => {
                let problem = ProblemKind::Unauthenticated("An API key that is valid here is needed.");
                let challenge = Some(HeaderValue::from_static("APIKEY"));
                let refusal = Refusal::new(Some(product), problem, refusal.name());
                Credential::Refused(Refusal { challenge, ..refusal })
            }
        },
        (Product::D1 | Product::D1Ecom, _, Some(tokens)) => match tokens.verify(request.headers(), now) {
            Verdict::Accepted(claims) => {
                showed(request, claims.holder());
                Credential::Verified
            }
            Verdict::Refused(refusal) => Credential::Refused(Refusal::of_token(call, refusal)),
            Verdict::Pending(verdict) => Credential::Pending(verdict),
        },
        _ => Credential::NotDemanded,
    }
}

/// Leaves the name of the key, or of who showed the token, for the line of the request.
fn showed(request: &Request<Body>, name: &str) {
    if let Some(observed) = request.extensions().get::<Observed>() {
        observed.showed(name);
    }
}

/// The issuer, token requestor or merchant gateway that the call names has to be one of the environment's.
fn issuer_id(call: &Call, product: Product, request: &Request<Body>) -> Result<(), Refusal> {
    let check = Check { call, product, request };
    match call.matched() {
        Some(matched) => match &matched.operation.issuer_id {
            // Of an operation that an operator added nobody may know where it names its issuer.
            None => check.behind_any(),
            Some(IssuerId::Header(name)) => check.header(name, true),
            Some(IssuerId::OptionalHeader(name)) => check.header(name, false),
            Some(IssuerId::Path(parameter)) => {
                check.is_ours(matched.parameter(request.uri().path(), parameter).unwrap_or_default().as_bytes())
            }
        },
        None => call
            .interpreter()
            .id_places(product)
            .try_for_each(|place| match place {
                // Of what lies elsewhere nobody knows that it has such a header.
                IdPlace::Header(name) => {
                    check.header(name, call.interpreter().routes().claims(product, request.uri().path()))
                }
                IdPlace::OptionalHeader(name) => check.header(name, false),
                IdPlace::Behind(_) => Ok(()),
            })
            .and_then(|()| check.behind_any()),
    }
}

struct Check<'a> {
    call: &'a Call,
    product: Product,
    request: &'a Request<Body>,
}

impl Check<'_> {
    fn header(&self, name: &HeaderName, required: bool) -> Result<(), Refusal> {
        let mut values = self.request.headers().get_all(name).iter();
        match (values.next(), values.next()) {
            (Some(id), None) => self.is_ours(id.as_bytes()),
            (None, _) if !required => Ok(()),
            (None, _) => Err(self.refusal(
                ProblemKind::MissingHeader("The header that names the issuer is missing."),
                "issuer_id_missing",
            )),
            (Some(_), Some(_)) => Err(self.refusal(
                ProblemKind::BadRequest("The header that names the issuer is there twice."),
                "issuer_id_twice",
            )),
        }
    }

    /// Where an operation does not say in which place of its path it names its issuer: all places in which the product's others do.
    fn behind_any(&self) -> Result<(), Refusal> {
        self.call.interpreter().id_places(self.product).try_for_each(|place| match place {
            IdPlace::Behind(segment) => self.behind(segment),
            IdPlace::Header(_) | IdPlace::OptionalHeader(_) => Ok(()),
        })
    }

    /// Every id behind such a segment.
    fn behind(&self, segment: &str) -> Result<(), Refusal> {
        let path = self.request.uri().path();
        let (before, after) = (path.split('/').map(name), path.split('/').skip(1).map(name));
        before
            .zip(after)
            .filter(|(before, after)| before.eq_ignore_ascii_case(segment) && !after.is_empty())
            .try_for_each(|(_, id)| self.is_ours(id.as_bytes()))
    }

    fn is_ours(&self, id: &[u8]) -> Result<(), Refusal> {
        let ours = &self.call.interpreter().options().issuer_ids;
        if ours.iter().any(|one| one.as_bytes() == id) {
            return Ok(());
        }
        Err(self
            .refusal(ProblemKind::UnknownId("The issuer that the call names is not served here."), "issuer_id_unknown"))
    }

    fn refusal(&self, problem: ProblemKind, reason: &'static str) -> Refusal {
        Refusal::new(Some(self.product), problem, reason)
    }
}

/// A segment without its path parameters (RFC 3986 section 3.3), which some backends take off.
fn name(segment: &str) -> &str {
    let encoded = segment.to_ascii_lowercase().find("%3b");
    let end = segment.find(';').into_iter().chain(encoded).min();
    end.and_then(|end| segment.get(..end)).unwrap_or(segment)
}

/// `request` as it goes on: without a credential that was verified, and marked when its body is a secret.
fn entered(mut request: Request<Body>, call: &Call, verified: bool) -> Request<Body> {
    if verified {
        request.headers_mut().remove(AUTHORIZATION);
    }
    if call.operation().is_some_and(|operation| operation.is_sensitive()) {
        request.extensions_mut().insert(Sensitive);
    }
    request
}

impl SecondKeyLayer {
    /// Counts a refusal, and says it once a second: a wrong key may be a rotation under way, or somebody who should not be there.
    fn tell(&self, refusal: &Refusal) {
        if matches!(refusal.problem.kind(), ProblemKind::MethodNotAllowed | ProblemKind::UnknownOperation) {
            // Nothing about keys: the requests' own numbers and lines tell of it.
            return;
        }
        if let (Some(accounting), Some(product)) = (&self.accounting, refusal.product) {
            accounting.second_key_refused(product, refusal.reason);
        }
        let Some(interpreter) = self.connection.interpreter() else { return };
        if let Some(unsaid) = interpreter.refusals().turn(refusal.reason) {
            let client = self.connection.client();
            tracing::warn!(
                event = events::SECOND_KEY_REFUSED,
                environment = client.environment(),
                product = refusal.product.map(Product::name),
                reason = refusal.reason,
                peer = %client.peer(),
                subject = client.identity().subject.as_str(),
                sha256 = %client.identity().sha256,
                unsaid,
                "a verified client was refused: {}", refusal.problem.detail()
            );
        }
    }
}

#[cfg(test)]
mod tests;
