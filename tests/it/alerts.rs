//! The alerts of `deploy/prometheus/rules.yaml`, their pages, and the dashboard.

mod dashboard;
mod pages;
mod promtool;
mod rules;
