# One static binary in an empty image.
#
#   docker build -t issuer-host .
#
# Why glibc, linked statically, and not musl: since 2.34 glibc's own archive resolves names from /etc/hosts and DNS without
# loading anything at run time (the old objection to static glibc), its allocator is several times faster than musl's under
# many connections, and it is the C library that the tests run against.

# By tag: pin it by digest where the build counts (docs/container.md, "What it is made of").
FROM rust:1.95.0-bookworm AS tools
# They run once for a second: a quick build is worth more than a quick program.
RUN CARGO_PROFILE_RELEASE_OPT_LEVEL=1 CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 \
    cargo install --locked --root /usr/local cargo-auditable@0.7.7 cargo-cyclonedx@0.5.9

FROM tools AS build
WORKDIR /source
COPY . .
RUN ./scripts/container/build.sh /image
# Of the last commit, in seconds: the date that the bill of materials bears.
ARG SOURCE_DATE_EPOCH=0
RUN ./scripts/container/bill.sh /image \
    && install -d /image/etc/issuer-host /image/var/lib \
    && install -d -m 0700 /state/issuer-host

# No shell, no package, no CA bundle: backends are verified against the CA that the configuration names, or Mozilla's list, which is
# compiled in.
FROM scratch
COPY --from=build /image/ /
# For an inbox of SQLite: mount a volume of the node's own disk here.
COPY --from=build --chown=65532:65532 /state/ /var/lib/
# What was built from where: --build-arg REVISION="$(git rev-parse HEAD)" --build-arg SOURCE=https://...
ARG REVISION=unknown
ARG SOURCE=unknown
LABEL org.opencontainers.image.title="issuer-host" \
      org.opencontainers.image.description="The server behind ISSUER_HOST: mutual TLS for the calls of Thales' payment platforms" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.revision="$REVISION" \
      org.opencontainers.image.source="$SOURCE"
USER 65532:65532
WORKDIR /etc/issuer-host
EXPOSE 8443
STOPSIGNAL SIGTERM
# Asks the admin listener on loopback: ready, or exit 1. Which one, it reads from the file that ISSUER_HOST_CONFIG names, not from arguments of serve.
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s --retries=3 CMD ["/issuer-host", "healthcheck"]
ENTRYPOINT ["/issuer-host"]
CMD ["serve"]
