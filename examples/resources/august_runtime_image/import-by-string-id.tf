import {
  to = august_runtime_image.sync
  id = "us-central1-docker.pkg.dev/feel-august-platform/august/august-sync@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
}
