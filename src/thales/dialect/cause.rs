//! Why a call is not answered by its handler.

/// Why a call is not answered by its handler.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cause {
    /// The request is malformed or ambiguous.
    BadRequest,
    /// A header that must be there is not.
    MissingHeader,
    /// The product's second key is missing or wrong.
    Unauthenticated,
    /// The issuer, token requestor or merchant gateway is not one of the environment's.
    UnknownId,
    /// No operation has this path.
    UnknownOperation,
    /// No operation has this verb at this path.
    MethodNotAllowed,
    /// The body is larger than the limit.
    TooLarge,
    /// The body did not arrive within its deadline.
    BodyTimeout,
    /// Too many calls at once.
    RateLimited,
    /// The host is not the environment's.
    Misdirected,
    /// No connection to the backend could be made.
    BackendUnavailable,
    /// The backend ended the exchange without a usable answer.
    BackendBroken,
    /// The backend did not answer in time.
    BackendTimeout,
    /// The backend did not take a notification.
    BackendRefused,
    /// The inbox cannot keep a notification.
    StoreUnavailable,
    /// The keys of access tokens cannot be had.
    IdentityProviderUnavailable,
    /// The connection's client certificate has to be verified again.
    Retired,
    /// The server takes nothing new.
    Draining,
    /// A fault of our own.
    Internal,
}

impl Cause {
    /// Every cause.
    pub const ALL: [Self; 19] = [
        Self::BadRequest,
        Self::MissingHeader,
        Self::Unauthenticated,
        Self::UnknownId,
        Self::UnknownOperation,
        Self::MethodNotAllowed,
        Self::TooLarge,
        Self::BodyTimeout,
        Self::RateLimited,
        Self::Misdirected,
        Self::BackendUnavailable,
        Self::BackendBroken,
        Self::BackendTimeout,
        Self::BackendRefused,
        Self::StoreUnavailable,
        Self::IdentityProviderUnavailable,
        Self::Retired,
        Self::Draining,
        Self::Internal,
    ];

    /// The stable name, for metrics, logs and the `type` of a problem document.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::BadRequest => "bad-request",
            Self::MissingHeader => "missing-header",
            Self::Unauthenticated => "unauthenticated",
            Self::UnknownId => "unknown-id",
            Self::UnknownOperation => "unknown-operation",
            Self::MethodNotAllowed => "method-not-allowed",
            Self::TooLarge => "too-large",
            Self::BodyTimeout => "body-timeout",
            Self::RateLimited => "rate-limited",
            Self::Misdirected => "host-mismatch",
            Self::BackendUnavailable => "backend-unavailable",
            Self::BackendBroken => "backend-broken",
            Self::BackendTimeout => "backend-timeout",
            Self::BackendRefused => "backend-refused",
            Self::StoreUnavailable => "store-unavailable",
            Self::IdentityProviderUnavailable => "identity-provider-unavailable",
            Self::Retired => "retired",
            Self::Draining => "draining",
            Self::Internal => "internal",
        }
    }

    /// What happened, in a few words for people.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::BadRequest => "Bad request",
            Self::MissingHeader => "Missing header",
            Self::Unauthenticated => "Authentication required",
            Self::UnknownId => "Unknown id",
            Self::UnknownOperation => "Unknown operation",
            Self::MethodNotAllowed => "Method not allowed",
            Self::TooLarge => "Content too large",
            Self::BodyTimeout => "Request timeout",
            Self::RateLimited => "Too many requests",
            Self::Misdirected => "Misdirected request",
            Self::BackendUnavailable => "Backend unavailable",
            Self::BackendBroken => "Bad gateway",
            Self::BackendTimeout => "Gateway timeout",
            Self::BackendRefused => "Backend refused",
            Self::StoreUnavailable => "Store unavailable",
            Self::IdentityProviderUnavailable => "Identity provider unavailable",
            Self::Retired => "Connection retired",
            Self::Draining => "Server is draining",
            Self::Internal => "Internal server error",
        }
    }

    /// Whole seconds after which a new attempt makes sense: one where a new connection or the next slot is enough, five where
    /// something has to come back. What ran out of time has waited already.
    pub(super) const fn retry_after(self) -> Option<u32> {
        match self {
            Self::Retired | Self::Draining | Self::RateLimited => Some(1),
            Self::BackendUnavailable
            | Self::BackendBroken
            | Self::BackendRefused
            | Self::StoreUnavailable
            | Self::IdentityProviderUnavailable => Some(5),
            _ => None,
        }
    }
}
