# One static binary in an empty image.
#
#   docker build -t issuer-host .
#
# Why glibc, linked statically, and not musl: since 2.34 glibc's own archive resolves names from /etc/hosts and DNS without
# loading anything at run time (the old objection to static glibc), its allocator is several times faster than musl's under
# many connections, and it is the C library that the tests run against. The target is named explicitly, so that the flag
# reaches the binary alone and not the procedural macros of the build.

FROM rust:1-bookworm AS build
WORKDIR /source
COPY . .
RUN target="$(uname -m)-unknown-linux-gnu" \
    && RUSTFLAGS="-C target-feature=+crt-static" cargo build --release --locked --bin issuer-host --target "$target" \
    && install -D "target/$target/release/issuer-host" /image/issuer-host \
    && install -D -m 0644 LICENSE /image/LICENSE \
    && install -d /image/etc/issuer-host \
    && install -d -m 0700 /state/issuer-host \
    && ldd /image/issuer-host 2>&1 | grep -q 'statically linked'

# No shell, no package, no CA bundle: backends are verified against the CA that the configuration names, or Mozilla's list, which is
# compiled in.
FROM scratch
LABEL org.opencontainers.image.title="issuer-host" \
      org.opencontainers.image.description="The server behind ISSUER_HOST: mutual TLS for the calls of Thales' payment platforms" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="0.1.0"
COPY --from=build /image/ /
# For an inbox of SQLite: mount a volume of the node's own disk here.
COPY --from=build --chown=65532:65532 /state/ /var/lib/
USER 65532:65532
WORKDIR /etc/issuer-host
EXPOSE 8443
STOPSIGNAL SIGTERM
# Asks the admin listener on loopback: ready, or exit 1.
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s --retries=3 CMD ["/issuer-host", "healthcheck"]
ENTRYPOINT ["/issuer-host"]
CMD ["serve"]
