//! A request target, on its way through all layers to a handler.
#![no_main]

use std::cell::RefCell;
use std::sync::Arc;

use axum::body::Body;
use http::{Request, Uri, Version};
use issuer_host::http::ConnectionContext;
use issuer_host::http::interpreter::{Interpreter, InterpreterOptions};
use issuer_host::thales::routes::{Found, RouteOptions, Routes};
use issuer_host::thales::{Catalogue, Product};
use issuer_host_fuzz::door::{HOST, Recorder, assert_checked, context, run, stack};
use issuer_host_fuzz::reference::normalized;
use libfuzzer_sys::fuzz_target;
use tower::ServiceExt as _;

struct Door {
    context: ConnectionContext,
    interpreter: Arc<Interpreter>,
    recorder: Recorder,
}

impl Door {
    fn new() -> Self {
        let options = RouteOptions { products: Product::ALL.to_vec(), ..RouteOptions::default() };
        let routes = Routes::compile(Catalogue::built_in(), &options).unwrap();
        let interpreter = Interpreter::new(InterpreterOptions::new(routes, vec!["ISSUER0001".into()]));
        let door = Self { context: context(), interpreter: Arc::new(interpreter), recorder: Recorder::default() };
        // Control.
        assert_eq!(door.reaches("/some/path?a=b", false).as_deref(), Some("/some/path?a=b"));
        assert_eq!(door.reaches("/some/../path", false), None);
        door
    }

    /// The target that reaches the handler, with and without what knows the calls of all products.
    fn reaches(&self, target: &str, interpreted: bool) -> Option<String> {
        let uri: Uri = target.parse().ok()?;
        let request = Request::post(uri).version(Version::HTTP_11).header("host", HOST).body(Body::empty()).ok()?;
        let interpreter = interpreted.then(|| Arc::clone(&self.interpreter));
        let service = stack(interpreter, &self.recorder).for_connection::<Body>(self.context.clone());
        run(service.oneshot(request)).unwrap();
        let mut reached = self.recorder.take();
        assert!(reached.len() <= 1);
        let reached = reached.pop()?;
        assert_checked(&reached, &self.context);
        Some(reached.target)
    }
}

thread_local! {
    static DOOR: RefCell<Option<Door>> = const { RefCell::new(None) };
}

fuzz_target!(|input: &[u8]| {
    let Ok(target) = std::str::from_utf8(input) else { return };
    DOOR.with(|door| {
        let mut door = door.borrow_mut();
        let door = door.get_or_insert_with(Door::new);
        let (plain, interpreted) = (door.reaches(target, false), door.reaches(target, true));
        assert!(interpreted.is_none() || interpreted == plain, "who knows the calls lets no more pass");
        let Some(reached) = plain else { return };
        assert!(reached == target || target.ends_with(&reached) || target.contains('#'), "{reached:?} of {target:?}");
        assert_eq!(door.reaches(&reached, false).as_ref(), Some(&reached), "what has passed passes again as it is");

        let path = reached.split('?').next().unwrap_or_default();
        let routes = door.interpreter.routes();
        let found = routes.find(&http::Method::POST, path);
        if interpreted.is_some() && matches!(found, Found::Unknown { .. }) {
            let plain = normalized(path);
            let decoded = routes.find(&http::Method::POST, &plain);
            assert!(plain == path || matches!(decoded, Found::Unknown { .. }), "{path} is {plain} in disguise");
        }
    });
});
