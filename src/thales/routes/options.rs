//! What an environment asks of its routes.

use std::fmt;
use std::time::Duration;

use crate::thales::operation::{KeyOwner, Kind};
use crate::thales::{Product, finding::Finding};

/// What an environment serves, and where that differs from the catalogue.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RouteOptions {
    /// The products that it serves.
    pub products: Vec<Product>,
    /// Base paths of the environment's own. Where every operation of the product has one and the same base path in the catalogue
    /// (`cof`, say), the given one takes its place. Where they have several (`d1`, `tsp`, `transit`), it is put before each of
    /// them, as a gateway's prefix is.
    pub base_paths: Vec<(Product, String)>,
    /// Changed and further operations.
    pub overrides: Vec<OperationOverride>,
}

/// A change of an operation, or an operation that the catalogue does not have.
///
/// An operation is changed in the fields that are given. One that nobody knows needs [`method`](Self::method),
/// [`path`](Self::path) and [`kind`](Self::kind), and [`product`](Self::product) where the environment has several.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OperationOverride {
    /// The operation, without regard to case; `d1-ecom/notifyTokenUpdate` where two products have one of that name.
    pub name: String,
    /// The product that it belongs to.
    pub product: Option<Product>,
    /// The base path of this operation, whatever that of its product is.
    pub base_path: Option<String>,
    /// The verb.
    pub method: Option<String>,
    /// The template below the base path.
    pub path: Option<String>,
    /// The kind.
    pub kind: Option<Kind>,
    /// Status of the acknowledgement.
    pub status: Option<u16>,
    /// Body of the acknowledgement.
    pub body: Option<String>,
    /// Headers of the acknowledgement; these take the place of all it has.
    pub headers: Vec<(String, String)>,
    /// The deduplication key in its text form; an empty list = none.
    pub deduplication: Option<Vec<String>>,
    /// Who vouches for the deduplication key; a key that is given here is only ours unless this says otherwise.
    pub deduplication_owner: Option<KeyOwner>,
    /// The ordering key in its text form; an empty list = each call for itself.
    pub ordering: Option<Vec<String>>,
    /// Further fields of the request that are secrets in clear, with dots between names. What the catalogue has stays.
    pub secrets: Option<Vec<String>>,
    /// The backend that it is forwarded to.
    pub backend: Option<String>,
    /// How long its answer may take.
    pub deadline: Option<Duration>,
}

/// Something wrong with what an environment asks of its routes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteProblem {
    /// The name of the override at fault, as it was given; `None` = none is.
    pub operation: Option<String>,
    /// The field at fault.
    pub field: Option<&'static str>,
    /// What is wrong.
    pub problem: String,
    /// What to do about it.
    pub remedy: String,
}

impl RouteProblem {
    pub(super) fn of(operation: Option<&str>, finding: Finding) -> Self {
        Self {
            operation: operation.map(str::to_owned),
            field: finding.field,
            problem: finding.problem,
            remedy: finding.remedy,
        }
    }
}

impl fmt::Display for RouteProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in self.operation.as_deref().into_iter().chain(self.field) {
            write!(f, "{part}: ")?;
        }
        write!(f, "{}: {}", self.problem, self.remedy)
    }
}
