//! Files of issuer-host that do without a lock, as they are, with loom's atomics: each test goes through every order in which threads can
//! take their steps, and what they may see of each other's writes.
#![cfg(all(loom, test))]

#[allow(dead_code)]
#[path = "../../../src/tls/verdict/marks.rs"]
mod marks;

#[allow(dead_code)]
#[path = "../../../src/server/disturbances.rs"]
mod disturbances;

mod ringing;
mod standing;
mod waker;
