# What keeps staging apart, and what is refused because it would bring the two together.

mock_provider "google" {
  override_during = plan
}

mock_provider "august" {
  override_during = plan
}

variables {
  project    = "feel-august-platform-staging"
  region     = "us-central1"
  production = { project = "feel-august-platform", network = "projects/feel-august-platform/global/networks/phi", cidrs = ["10.10.0.0/20", "10.60.0.0/20"] }
  network = {
    project         = "feel-august-platform-staging"
    id              = "projects/feel-august-platform-staging/global/networks/phi"
    firewall_policy = "phi"
    subnetworks     = { us-central1 = { cidr = "10.20.0.0/20" } }
  }
  database = {
    project           = "feel-august-platform-staging"
    instance          = "platform"
    connection_name   = "feel-august-platform-staging:us-central1:platform"
    environment       = "staging"
    consumer_projects = ["feel-august-platform-staging"]
  }
  dataset = {
    image           = "us-central1-docker.pkg.dev/feel-august-platform-staging/august/august-sync@sha256:0000000000000000000000000000000000000000000000000000000000000000"
    service_account = "august-import@feel-august-platform-staging.iam.gserviceaccount.com"
    bucket          = "gs://feel-august-anonymised/clinic"
    public_key      = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n"
    database        = { name = "clinic", user = "august-import@feel-august-platform-staging.iam" }
  }
}

run "closed_to_production" {
  command = plan

  assert {
    condition     = google_compute_network_firewall_policy_rule.to_production[0].match[0].dest_ip_ranges == tolist(["10.10.0.0/20", "10.60.0.0/20"]) && google_compute_network_firewall_policy_rule.from_production[0].match[0].src_ip_ranges == tolist(["10.10.0.0/20", "10.60.0.0/20"])
    error_message = "A range of production's is reached, or reaches staging."
  }

  assert {
    condition     = google_compute_network_firewall_policy_rule.to_production[0].direction == "EGRESS" && google_compute_network_firewall_policy_rule.from_production[0].direction == "INGRESS"
    error_message = "One way is open."
  }

  # modules/network has its policy come before the rules of the network itself, so that one of these would come too late.
  assert {
    condition = alltrue([
      for rule in [google_compute_network_firewall_policy_rule.to_production[0], google_compute_network_firewall_policy_rule.from_production[0]] :
      rule.firewall_policy == "phi" && rule.action == "deny" && rule.priority < 2 && rule.match[0].layer4_configs[0].ip_protocol == "all"
    ])
    error_message = "A rule does not deny everything, in the network's own policy and before every other."
  }

  assert {
    condition     = google_org_policy_policy.allowed["compute.restrictVpcPeering"].spec[0].rules[0].values[0].allowed_values == tolist(["under:organizations/433637338589"])
    error_message = "Staging peers with Google's services only."
  }

  assert {
    condition     = google_org_policy_policy.denied["compute.restrictSharedVpcSubnetworks"].spec[0].rules[0].deny_all == "TRUE" && google_org_policy_policy.denied["compute.restrictVpnPeerIPs"].spec[0].rules[0].deny_all == "TRUE"
    error_message = "No Shared VPC and no VPN."
  }

  assert {
    condition     = alltrue([for policy in google_org_policy_policy.enforced : policy.spec[0].rules[0].enforce == "TRUE"]) && length(google_org_policy_policy.enforced) == 4
    error_message = "No keys, no accounts used elsewhere, no public databases."
  }

  assert {
    condition     = length(google_project.this) == 0
    error_message = "A project that is there is not made again."
  }

  assert {
    condition     = august_staging_dataset.this[0].database.instance == "feel-august-platform-staging:us-central1:platform" && august_staging_dataset.this[0].project == "feel-august-platform-staging"
    error_message = "Exports go to staging's own instance."
  }
}

run "a_project_of_its_own" {
  command = plan

  variables {
    create_project = { billing_account = "012345-6789AB-CDEF01", folder_id = "123456789012" }
    network        = null
    database       = null
    dataset        = null
  }

  assert {
    condition     = google_project.this[0].deletion_policy == "PREVENT" && !google_project.this[0].auto_create_network
    error_message = "The project has no default network, and is not deleted by accident."
  }

  assert {
    condition     = google_project.this[0].labels == tomap({ environment = "staging", data_class = "anonymised" })
    error_message = "The project says what it is."
  }

  assert {
    condition     = length(google_compute_network_firewall_policy_rule.to_production) == 0 && output.staging.dataset == null
    error_message = "Staging can be begun with nothing in it."
  }
}

run "production_not_known" {
  command = plan

  variables {
    production = { project = "feel-august-platform" }
  }

  expect_failures = [check.production_keeps_no_door_open]
}

run "policies_of_somebody_else" {
  command = plan

  variables {
    organization_policies = false
  }

  assert {
    condition     = length(google_org_policy_policy.allowed) + length(google_org_policy_policy.denied) + length(google_org_policy_policy.enforced) == 0
    error_message = "Where the organisation sets them, the module does not."
  }
}

# Every validation is met once. Those of several inputs are met in one plan, since each plan takes a second.

run "refused" {
  command = plan

  variables {
    create_project = { billing_account = "012345-6789AB-CDEF01" }
    database = {
      project         = "feel-august-platform"
      instance        = "platform"
      connection_name = "feel-august-platform:us-central1:platform"
      environment     = "staging"
    }
    dataset = null
    network = {
      project         = "feel-august-platform"
      firewall_policy = "phi"
      id              = "projects/feel-august-platform/global/networks/shared"
    }
    peers = ["under:organizations/123456789012"]
  }

  expect_failures = [var.create_project, var.database, var.network, var.peers]
}

run "refused_for_another_reason" {
  command = plan

  variables {
    create_project = { billing_account = "billingAccounts/012345-6789AB-CDEF01", org_id = "123456789012" }
    database = {
      project         = "feel-august-platform-staging"
      instance        = "platform"
      connection_name = "feel-august-platform-staging:us-central1:platform"
      environment     = "production"
    }
    dataset = null
    network = {
      project         = "feel-august-platform-staging"
      firewall_policy = "phi"
      id              = "projects/feel-august-platform-staging/global/networks/phi"
      subnetworks     = { us-central1 = { cidr = "10.10.8.0/24" } }
    }
    peers = ["under:projects/feel-august-platform"]
  }

  expect_failures = [var.create_project, var.database, var.network, var.peers]
}

run "a_wider_range_than_productions" {
  command = plan

  variables {
    database = {
      project           = "feel-august-platform-staging"
      instance          = "platform"
      connection_name   = "feel-august-platform-staging:us-central1:platform"
      environment       = "staging"
      consumer_projects = ["feel-august-platform"]
    }
    dataset = null
    network = {
      project         = "feel-august-platform-staging"
      firewall_policy = "phi"
      id              = "projects/feel-august-platform-staging/global/networks/phi"
      subnetworks     = { us-central1 = { cidr = "10.0.0.0/8" } }
    }
  }

  expect_failures = [var.database, var.network]
}

run "productions_network" {
  command = plan

  variables {
    production = { project = "feel-august-platform", network = "projects/feel-august-platform-staging/global/networks/phi", cidrs = ["10.10.0.0/20"] }
  }

  expect_failures = [var.network]
}

run "productions_project" {
  command = plan

  variables {
    production = { project = "feel-august-platform-staging" }
    database   = null
    dataset    = null
    network    = null
  }

  expect_failures = [var.production]
}

run "a_range_that_is_none" {
  command = plan

  variables {
    production = { project = "feel-august-platform", cidrs = ["production"] }
    database   = null
    dataset    = null
    network    = null
  }

  expect_failures = [var.production]
}

run "a_dataset_without_a_database" {
  command = plan

  variables {
    database = null
  }

  expect_failures = [var.dataset]
}

run "an_image_by_its_tag" {
  command = plan

  variables {
    dataset = {
      image           = "us-central1-docker.pkg.dev/feel-august-platform-staging/august/august-sync:latest"
      service_account = "august-import@feel-august-platform-staging.iam.gserviceaccount.com"
      bucket          = "gs://feel-august-anonymised/clinic"
      public_key      = "-----BEGIN PUBLIC KEY-----\n"
      database        = { name = "clinic", user = "august-import@feel-august-platform-staging.iam" }
    }
  }

  expect_failures = [var.dataset]
}

run "an_account_of_productions" {
  command = plan

  variables {
    dataset = {
      image           = "us-central1-docker.pkg.dev/feel-august-platform-staging/august/august-sync@sha256:0000000000000000000000000000000000000000000000000000000000000000"
      service_account = "august-sync@feel-august-platform.iam.gserviceaccount.com"
      bucket          = "gs://feel-august-anonymised/clinic"
      public_key      = "-----BEGIN PUBLIC KEY-----\n"
      database        = { name = "clinic", user = "august-import@feel-august-platform-staging.iam" }
    }
  }

  expect_failures = [var.dataset]
}

run "a_user_of_productions" {
  command = plan

  variables {
    dataset = {
      image           = "us-central1-docker.pkg.dev/feel-august-platform-staging/august/august-sync@sha256:0000000000000000000000000000000000000000000000000000000000000000"
      service_account = "august-import@feel-august-platform-staging.iam.gserviceaccount.com"
      bucket          = "gs://feel-august-anonymised/clinic"
      public_key      = "-----BEGIN PUBLIC KEY-----\n"
      database        = { name = "clinic", user = "august-sync@feel-august-platform.iam" }
    }
  }

  expect_failures = [var.dataset]
}

run "a_private_key" {
  command = plan

  variables {
    dataset = {
      image           = "us-central1-docker.pkg.dev/feel-august-platform-staging/august/august-sync@sha256:0000000000000000000000000000000000000000000000000000000000000000"
      service_account = "august-import@feel-august-platform-staging.iam.gserviceaccount.com"
      bucket          = "gs://feel-august-anonymised/clinic"
      public_key      = "projects/feel-august-platform/secrets/anonymization-signing-key"
      database        = { name = "clinic", user = "august-import@feel-august-platform-staging.iam" }
    }
  }

  expect_failures = [var.dataset]
}

run "a_bucket_without_a_folder" {
  command = plan

  variables {
    dataset = {
      image           = "us-central1-docker.pkg.dev/feel-august-platform-staging/august/august-sync@sha256:0000000000000000000000000000000000000000000000000000000000000000"
      service_account = "august-import@feel-august-platform-staging.iam.gserviceaccount.com"
      bucket          = "feel-august-anonymised"
      public_key      = "-----BEGIN PUBLIC KEY-----\n"
      database        = { name = "clinic", user = "august-import@feel-august-platform-staging.iam" }
    }
  }

  expect_failures = [var.dataset]
}

run "a_project_by_a_name" {
  command = plan

  variables {
    project  = "Staging"
    database = null
    dataset  = null
    network  = null
  }

  expect_failures = [var.project]
}
