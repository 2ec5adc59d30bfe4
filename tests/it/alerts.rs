//! The alerts of `deploy/prometheus/rules.yaml`, what causes them, their pages, and the dashboard.

mod admin;
mod availability;
mod calls;
mod dashboard;
mod door;
mod expiry;
mod fired;
mod history;
mod inbox;
mod names;
mod pages;
mod process;
mod promtool;
mod reloads;
mod rules;
mod tokens;
mod well;
