output "foundation" {
  description = "What the runtime is given: the account it runs as (`email`, `member`, and `database_user`, by which it signs in to the database), its queue, and its secrets by name. Known once the account may use them."
  value = {
    project         = var.project
    service_account = google_service_account.sync.email
    member          = google_service_account.sync.member
    database_user   = trimsuffix(google_service_account.sync.email, ".gserviceaccount.com")
    pubsub = {
      topic        = google_pubsub_topic.deliveries.name
      subscription = google_pubsub_subscription.deliveries.name
    }
    dead_letter_subscription = google_pubsub_subscription.dead.name
    secrets                  = { for name, secret in module.secrets.secrets.secrets : name => secret.reference }
  }

  depends_on = [
    google_project_iam_member.sync,
    google_pubsub_subscription_iam_member.dead,
    google_pubsub_subscription_iam_member.subscriber,
    google_pubsub_topic_iam_member.dead,
    google_pubsub_topic_iam_member.publisher,
    google_service_account_iam_member.deployer,
  ]
}
