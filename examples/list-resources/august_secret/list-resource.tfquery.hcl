list "august_secret" "all" {
  provider = august

  config {
    project = "feel-august-platform"
  }
}
