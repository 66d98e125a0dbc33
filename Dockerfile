# syntax=docker/dockerfile:1
# A gateway without a shell, as an ordinary user. Its root may be read-only: it writes to /var/lib/comity alone.
FROM rust:1.95-bookworm AS build
WORKDIR /source
COPY . .
# What `comity --version` says: .git is not in the context.
ARG COMITY_COMMIT
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/source/target \
    cargo build --locked --release --bin comity && cp target/release/comity /comity && mkdir /store

FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=build /comity /usr/bin/comity
# A new volume is owned as this directory is.
COPY --from=build --chown=65532:65532 /store /var/lib/comity
USER 65532:65532
VOLUME /var/lib/comity
EXPOSE 8443 9443
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s CMD ["/usr/bin/comity", "health"]
ENTRYPOINT ["/usr/bin/comity"]
CMD ["serve", "--config", "/etc/comity/comity.toml"]
