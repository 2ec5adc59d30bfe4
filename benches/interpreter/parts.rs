//! The parts of it alone.

use std::hint::black_box;
use std::time::SystemTime;

use http::Method;
use issuer_host::auth::Verdict;
use issuer_host::thales::Product;
use issuer_host::thales::catalogue::Catalogue;
use issuer_host::thales::routes::{Found, RouteOptions, Routes};

use crate::Error;
use crate::calls;
use crate::cpu::{micros_each, time_of};
use crate::report::row;

const LABEL: &str = "alone";

/// Measures finding an operation among all of them, judging an API key, and judging a token that is remembered.
pub(crate) fn measure(rounds: u32, times: u32) -> Result<(), Error> {
    let options = RouteOptions { products: Product::ALL.to_vec(), ..RouteOptions::default() };
    let routes = Routes::compile(Catalogue::built_in(), &options).map_err(|problems| format!("{problems:?}"))?;
    let find = || {
        let path = black_box("/notifications/d1/v2/issuers/0012345678/cards");
        if matches!(black_box(routes.find(&Method::POST, path)), Found::Operation(_)) {
            return Ok(());
        }
        Err(Error::from("the path is not known"))
    };
    report("Routes::find, all products", rounds, times, find)?;

    let (keys, shown) = (calls::api_keys()?, calls::with_api_key()?.headers);
    let now = SystemTime::now();
    report("ApiKeys::verify, two keys", rounds, times, || {
        black_box(keys.verify(black_box(&shown), now))?;
        Ok(())
    })?;

    let (tokens, authorization) = calls::tokens()?;
    let shown = calls::authorized(&authorization)?;
    report("BearerTokens::verify", rounds, times, || {
        if matches!(black_box(tokens.verify(black_box(&shown), now)), Verdict::Accepted(_)) {
            return Ok(());
        }
        Err("the token is not accepted".into())
    })
}

fn report(name: &str, rounds: u32, times: u32, once: impl Fn() -> Result<(), Error> + Sync) -> Result<(), Error> {
    let mut samples = Vec::new();
    for _ in 0..rounds {
        samples.push(micros_each(time_of(|| (0..times).try_for_each(|_| once()))?, times) * 1000.0);
    }
    row(LABEL, name, "ns", &samples, None);
    Ok(())
}
