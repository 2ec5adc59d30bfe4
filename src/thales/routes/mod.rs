//! What an environment answers to: verb and path to operation, compiled once per configuration.

mod attribution;
mod options;
mod overrides;
mod row;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use ::http::{HeaderValue, Method};
use attribution::Attribution;
pub use options::{OperationOverride, RouteOptions, RouteProblem};
use row::Row;

use super::finding::Finding;
use super::template::{self, MOST_PARAMETERS, Segment};
use super::{Catalogue, Operation, Product};

/// Paths up to this many bytes are matched without an allocation; the longest that Thales calls has 160 with its ids.
const ON_STACK: usize = 256;

/// The routes of an environment.
#[derive(Clone, Debug)]
pub struct Routes {
    products: Vec<Product>,
    operations: Vec<Arc<Operation>>,
    /// From a path in lower case to its place in `paths`.
    router: matchit::Router<usize>,
    paths: Vec<Path>,
    attribution: Attribution,
}

impl Routes {
    /// Puts the operations of the environment's products, with what it asks for, into routes. Rows of the same verb and path that
    /// behave alike become one.
    ///
    /// # Errors
    ///
    /// Everything that is wrong.
    pub fn compile(catalogue: &Catalogue, options: &RouteOptions) -> Result<Self, Vec<RouteProblem>> {
        let mut products = Vec::new();
        for &product in &options.products {
            if !products.contains(&product) {
                products.push(product);
            }
        }
        let served = |row: &&Operation| products.contains(&row.product);
        let rows = catalogue.operations().iter().filter(served);
        let mut rows: Vec<_> = rows.map(|operation| Row { operation: operation.clone(), own: None }).collect();
        let mut problems = row::rebase(&mut rows, &products, &options.base_paths);
        problems.extend(overrides::apply(&mut rows, catalogue, &products, &options.overrides));
        if !problems.is_empty() {
            return Err(problems);
        }
        let rows = row::merge(rows)?;
        let problems = row::collisions(&rows);
        if !problems.is_empty() {
            return Err(problems);
        }
        Self::build(products, row::operations(rows))
    }

    fn build(products: Vec<Product>, operations: Vec<Arc<Operation>>) -> Result<Self, Vec<RouteProblem>> {
        let mut routes = Self {
            products,
            attribution: Attribution::of(&operations),
            router: matchit::Router::new(),
            paths: Vec::new(),
            operations: Vec::new(),
        };
        let mut problems = Vec::new();
        for operation in &operations {
            let pattern = pattern(operation);
            let known = routes.paths.iter_mut().find(|path| path.pattern == pattern);
            if let Some(path) = known {
                path.routes.push(Route::of(operation));
                continue;
            }
            if let Err(error) = routes.router.insert(pattern.as_str(), routes.paths.len()) {
                let problem = format!("{}/{} cannot be routed: {error}", operation.product, operation.name);
                problems.push(RouteProblem::of(None, Finding::of_row(problem, "give it another path")));
            }
            routes.paths.push(Path { pattern, product: operation.product, routes: vec![Route::of(operation)] });
        }
        routes.operations = operations;
        if problems.is_empty() { Ok(routes) } else { Err(problems) }
    }

    /// What this verb and path mean. Literals match without regard to case and without decoding; a parameter is one segment that
    /// is not empty; a path with a slash more at its end is another path.
    #[must_use]
    pub fn find(&self, method: &Method, path: &str) -> Found {
        let Some((entry, spans)) = self.path(path) else { return Found::Unknown { product: self.attribute(path) } };
        match entry.routes.iter().find(|route| route.operation.method == *method) {
            Some(route) => Found::Operation(Matched {
                operation: Arc::clone(&route.operation),
                names: Arc::clone(&route.names),
                spans,
            }),
            None => Found::MethodNotAllowed { product: entry.product, allow: entry.allow() },
        }
    }

    /// The operations, one for each route.
    #[must_use]
    pub fn operations(&self) -> &[Arc<Operation>] {
        &self.operations
    }

    /// The products that are served.
    #[must_use]
    pub fn products(&self) -> &[Product] {
        &self.products
    }

    /// Whether `path` lies below a base path of `product`, or would be one of its operations without what stands at its end: some
    /// servers take slashes and blanks off there.
    #[must_use]
    pub fn claims(&self, product: Product, path: &str) -> bool {
        let collapsed = attribution::collapsed(path);
        let is_its = |mut trimmed: &str| {
            while let Some(shorter) = ["/", "%20", "%09", "."].iter().find_map(|ending| trimmed.strip_suffix(ending)) {
                trimmed = shorter;
            }
            self.path(trimmed).is_some_and(|(path, _)| path.product == product)
        };
        // As it is as well: an operation of an operator's own may have a semicolon in its path.
        self.attribution.product(&collapsed) == Some(product) || is_its(&collapsed) || is_its(path)
    }

    /// Whether `path` is an operation's, or lies below a base path of any product.
    #[must_use]
    pub fn is_anybodys(&self, path: &str) -> bool {
        let collapsed = attribution::collapsed(path);
        self.path(path).is_some() || self.path(&collapsed).is_some() || self.attribution.product(&collapsed).is_some()
    }

    fn path(&self, path: &str) -> Option<(&Path, Spans)> {
        let mut stack = [0; ON_STACK];
        match stack.get_mut(..path.len()) {
            Some(lower) => {
                lower.copy_from_slice(path.as_bytes());
                lower.make_ascii_lowercase();
                // Changing the case of ASCII letters leaves UTF-8 what it is, and every byte where it is.
                self.lower_case_path(std::str::from_utf8(lower).ok()?)
            }
            None => self.lower_case_path(&path.to_ascii_lowercase()),
        }
    }

    fn lower_case_path(&self, path: &str) -> Option<(&Path, Spans)> {
        let matched = self.router.at(path).ok()?;
        let mut spans = Spans::default();
        for ((_, id), span) in matched.params.iter().zip(&mut spans) {
            // The router takes `//` for an id without letters.
            if id.is_empty() {
                return None;
            }
            // An id is a piece of the path; its address tells which.
            let start = id.as_ptr().addr() - path.as_ptr().addr();
            *span = (start, start + id.len());
        }
        Some((self.paths.get(*matched.value)?, spans))
    }

    /// Whose a path is that nobody knows.
    fn attribute(&self, path: &str) -> Option<Product> {
        if let &[product] = self.products.as_slice() {
            return Some(product);
        }
        let collapsed = attribution::collapsed(path);
        self.path(&collapsed).map(|(path, _)| path.product).or_else(|| self.attribution.product(&collapsed))
    }
}

/// What a verb and a path mean to an environment.
#[derive(Clone, Debug)]
pub enum Found {
    /// A call that is known.
    Operation(Matched),
    /// A path that is known, with another verb.
    MethodNotAllowed {
        /// The product of the path.
        product: Product,
        /// The verbs that it has, for `Allow` (RFC 9110 section 10.2.1).
        allow: HeaderValue,
    },
    /// A path that is not.
    Unknown {
        /// The product whose base path it lies below, be it a path that has to be refused; the only product where there is one.
        product: Option<Product>,
    },
}

/// A call that is known, and where in its path the ids stand.
#[derive(Clone, Debug)]
pub struct Matched {
    /// The operation.
    pub operation: Arc<Operation>,
    /// The names of its parameters, in the order of the path.
    names: Arc<[String]>,
    spans: Spans,
}

/// Where parameters begin and end in a path, in its order.
type Spans = [(usize, usize); MOST_PARAMETERS];

impl Matched {
    /// What stands in `path`, which must be the one that was matched, in the place of the parameter `name`: exactly the bytes that
    /// were called, encoded as they were.
    #[must_use]
    pub fn parameter<'p>(&self, path: &'p str, name: &str) -> Option<&'p str> {
        let at = self.names.iter().position(|parameter| parameter == name)?;
        let &(start, end) = self.spans.get(at)?;
        path.get(start..end)
    }
}

/// A path template and the operations that have it.
#[derive(Clone, Debug)]
struct Path {
    /// As the router has it: the same for all spellings of literals and parameters.
    pattern: String,
    product: Product,
    routes: Vec<Route>,
}

impl Path {
    fn allow(&self) -> HeaderValue {
        let verbs: Vec<_> = self.routes.iter().map(|route| route.operation.method.as_str()).collect();
        // Verbs are visible ASCII.
        HeaderValue::try_from(verbs.join(", ")).unwrap_or_else(|_| HeaderValue::from_static(""))
    }
}

#[derive(Clone, Debug)]
struct Route {
    operation: Arc<Operation>,
    names: Arc<[String]>,
}

impl Route {
    fn of(operation: &Arc<Operation>) -> Self {
        // A base path has none.
        let names = template::parameters(&operation.path).map(str::to_owned).collect();
        Self { operation: Arc::clone(operation), names }
    }
}

/// The template as the router wants it: literals in lower case, parameters by their place.
fn pattern(operation: &Operation) -> String {
    let path = operation.full_path();
    let segments = template::segments(&path).enumerate().map(|(at, segment)| match segment {
        Segment::Literal(literal) => format!("/{}", literal.to_ascii_lowercase()),
        Segment::Parameter(_) => format!("/{{p{at}}}"),
    });
    segments.collect()
}
