# For those who want Docker. The provider needs none: august_runtime_image packs the same runtime by itself, and the local
# cloud runs as it is.
#
#   docker build -t august-sync .                    the runtime
#   docker build -t august-local --target local .    the local cloud, as compose.yaml starts it
#
# With the VERSION and the REVISION of a release, /august-sync is that release's, byte by byte. What is around it is not: the
# CA bundle is Debian's here, and layers carry the time of the build.

# By digest, so that a tag that moves changes nothing; `docker buildx imagetools inspect` tells whether they still agree.
ARG GO=golang:1.26.8-bookworm@sha256:dc9ad6c05acc7a88e5b71bde60a5fe3bd4b9f0db209011711b464107438a8107
ARG DEBIAN=debian:bookworm-slim@sha256:3783cc01769c7b2b1b83a5c5ad96c815348e28ed7da68e2e3687004faa906251

FROM ${GO} AS source
# The runtime's bytes are this release of Go's: a newer one must not slip in with go.mod.
ENV GOTOOLCHAIN=local
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .

FROM source AS local-build
RUN CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags="-s -w -buildid=" -o /out/august-local ./internal/localcloud/cmd/august-local

FROM ${DEBIAN} AS local
# Without Debian's own cluster, which nobody would use.
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates postgresql-common \
 && sed -ri 's/^#?create_main_cluster.*/create_main_cluster = false/' /etc/postgresql-common/createcluster.conf \
 && apt-get install -y --no-install-recommends postgresql-15 \
 && rm -rf /var/lib/apt/lists/*
# PostgreSQL does not run as root, and looks its user up by name.
RUN useradd --uid 65532 --user-group --no-create-home --home-dir /var/lib/august-local --shell /usr/sbin/nologin august \
 && install -d -o august -g august -m 0700 /var/lib/august-local
COPY --from=local-build /out/august-local /usr/local/bin/august-local
ENV AUGUST_LOCAL_DIR=/var/lib/august-local
USER 65532:65532
ENTRYPOINT ["/usr/local/bin/august-local"]
CMD ["up"]

FROM source AS build
ARG VERSION=0.1.0
ARG REVISION=
RUN CGO_ENABLED=0 GOOS=linux GOARCH=amd64 go build -trimpath -buildvcs=false -ldflags="-s -w -buildid= -X main.version=${VERSION}${REVISION:+ -X main.revision=${REVISION}}" -o /rootfs/august-sync ./internal/sync/cmd/august-sync
RUN install -d /rootfs/etc/ssl/certs \
 && install -m 0444 /etc/ssl/certs/ca-certificates.crt /rootfs/etc/ssl/certs/ca-certificates.crt \
 && printf 'root:x:0:0:root:/:/nologin\nnonroot:x:65532:65532:nonroot:/:/nologin\n' > /rootfs/etc/passwd \
 && printf 'root:x:0:\nnonroot:x:65532:\n' > /rootfs/etc/group \
 && printf 'hosts: files dns\n' > /rootfs/etc/nsswitch.conf \
 && chmod 0555 /rootfs/august-sync

# Nothing to patch and nothing to run but the runtime: no shell, no package manager, no libraries.
FROM scratch
ARG VERSION=0.1.0
LABEL org.opencontainers.image.title="august-sync" \
      org.opencontainers.image.source="https://github.com/feel-august/terraform-provider-august" \
      org.opencontainers.image.version="${VERSION}"
COPY --from=build /rootfs/ /
ENV PATH=/ SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt
WORKDIR /
USER 65532:65532
ENTRYPOINT ["/august-sync"]
CMD ["serve"]
