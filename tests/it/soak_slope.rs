//! What `scripts/soak.sh` judges growth by: a tool that would never see any is no tool.

#[path = "../../benches/soak/slope.rs"]
mod slope;

use slope::Slope;

/// A second each, `growth` a second, and a sawtooth of `noise` upon it.
fn samples(growth: f64, noise: f64) -> Vec<(f64, f64)> {
    (0..600)
        .map(|second| {
            let tooth = f64::from(second % 7) - 3.0;
            (f64::from(second), 40.0 + growth * f64::from(second) + noise * tooth)
        })
        .collect()
}

#[test]
fn what_grows_is_seen_through_the_noise_and_noise_alone_is_not() {
    let grows = Slope::of(&samples(0.01, 1.0)).unwrap();
    assert!((grows.per_hour - 36.0).abs() < 2.0, "{grows:?}");
    assert!(grows.exceeds(20.0), "{grows:?}");
    assert!(!grows.exceeds(40.0), "{grows:?}");
    let level = Slope::of(&samples(0.0, 1.0)).unwrap();
    assert!(level.per_hour.abs() < 2.0 && level.error > 0.0, "{level:?}");
    assert!(!level.exceeds(2.0), "{level:?}");
}

#[test]
fn a_line_without_noise_has_no_error_and_two_points_make_none() {
    let line = Slope::of(&samples(0.5, 0.0)).unwrap();
    assert!((line.per_hour - 1800.0).abs() < 1e-3 && line.error < 1e-3, "{line:?}");
    assert!(Slope::of(&[(0.0, 1.0), (1.0, 2.0)]).is_none());
}
