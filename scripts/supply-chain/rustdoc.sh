#!/usr/bin/env bash
# rustdoc, with what is not stable in it: JSON.
exec env RUSTC_BOOTSTRAP=1 rustdoc "$@"
