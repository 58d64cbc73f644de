output "secrets" {
  description = "The secrets: by name, each with its `id`, its `name` and the `reference` that a service takes; the `rotation_topic` and `rotation_subscription` that tell of rotations due. Known once everybody has their access."
  value = {
    project = var.project
    secrets = { for name, secret in var.secrets : name => {
      id        = secret.managed ? august_secret.this[name].id : google_secret_manager_secret.this[name].id
      name      = name
      reference = secret.managed ? august_secret.this[name].reference : name
    } }
    rotation_subscription = google_pubsub_subscription.rotation.id
    rotation_topic        = google_pubsub_topic.rotation.id
  }

  depends_on = [
    google_secret_manager_secret_iam_member.accessor,
    google_secret_manager_secret_iam_member.version_adder,
  ]
}
