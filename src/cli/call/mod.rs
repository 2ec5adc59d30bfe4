//! `issuer-host call`: the calls that Thales makes, made to any ISSUER_HOST.

mod target;
