//! Traces: what a collector is told of calls and deliveries, and what it is not.

mod away;
mod calls;
mod deliveries;
mod sampling;
mod way;
