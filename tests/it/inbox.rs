//! The inbox: what was acknowledged is delivered, whatever dies.

mod crash;
mod database;
mod faults;
mod receiving;
mod recorder;
mod replicas;
