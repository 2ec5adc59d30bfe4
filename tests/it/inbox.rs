//! The inbox: what was acknowledged is delivered, whatever dies.

mod away;
mod crash;
mod database;
mod decisions;
mod faults;
mod full;
mod receiving;
mod recorder;
mod replicas;
mod sealed;
mod silence;
mod streams;
mod takeover;
mod told;
