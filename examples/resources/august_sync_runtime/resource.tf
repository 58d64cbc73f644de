# Through the Cloud SQL connector, the runtime signs in to the database as its own service account:
# there is no password. Every other secret is named here and read by the running service.
resource "august_sync_runtime" "sync" {
  name            = "august-sync"
  image           = august_runtime_image.sync.image
  service_account = "august-sync@feel-august-platform.iam.gserviceaccount.com"

  database = {
    instance = august_cloudsql_ha_policy.platform.instance
    name     = "august"
    user     = "august-sync@feel-august-platform.iam"
    pool_max = 4
  }

  drchrono = {
    oauth_secret   = "drchrono-oauth"
    webhook_secret = "drchrono-webhook"
  }

  # Made by google_pubsub_topic and google_pubsub_subscription, with enable_message_ordering: deliveries wait here until
  # they are applied, in the order of each object.
  pubsub = {
    topic        = "drchrono-deliveries"
    subscription = "august-sync"
  }

  coda = {
    token_secret = "coda-token"

    # Coda counts writes per user, and this one has other tools: one of the three writes in ten seconds is theirs.
    writes_per_10s = 2
  }

  # Whoever can write everything in the database cannot make its audit trail anew unseen.
  audit = {
    bucket = "gs://feel-august-audit/production"
  }

  control = {
    allowed_callers = ["terraform@feel-august-platform.iam.gserviceaccount.com"]
  }

  scaling = {
    min_instances = 1
    max_instances = 3

    # A sync that uses more than half of its processor gets help.
    cpu_utilization = 50
  }

  # Cloud SQL has a private address in this network.
  network = {
    network    = "platform"
    subnetwork = "platform-us-central1"
  }

  # A new revision is tried out before it has traffic, then has a tenth of it for half a minute, then half of it.
  rollout = {
    steps     = [10, 50]
    bake_time = "30s"
  }

  # DrChrono cannot present a Google identity; the runtime checks every call itself.
  public = true
}

output "webhook_url" {
  description = "The callback URL of the webhook, for DrChrono's settings."
  value       = august_sync_runtime.sync.webhook_url
}

output "uri" {
  description = "Where the runtime answers."
  value       = august_sync_runtime.sync.uri
}
