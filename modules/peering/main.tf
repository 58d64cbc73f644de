# One endpoint, in the services' own network, that leads to this database and to nothing else. No networks are joined: VPC
# peering is not transitive, and would not reach a database in Google's network anyway.
resource "google_compute_address" "endpoint" {
  project      = var.project
  name         = "${var.name}-database"
  region       = var.subnetwork.region
  subnetwork   = var.subnetwork.id
  address_type = "INTERNAL"
  address      = var.address
  labels       = var.labels

  lifecycle {
    precondition {
      condition     = var.subnetwork.region == var.database.region
      error_message = "The subnetwork is in ${var.subnetwork.region}, the database in ${var.database.region}: an endpoint is in the database's region. Give the subnetwork of ${var.database.region}; services in other regions reach the endpoint too."
    }

    precondition {
      condition     = var.database.consumer_projects == null ? true : contains(var.database.consumer_projects, var.project)
      error_message = "The database does not accept endpoints in ${var.project}: add it to access.psc.consumer_projects of the module database. Until then the endpoint would wait, and every connection with it."
    }
  }
}

resource "google_compute_forwarding_rule" "endpoint" {
  project    = var.project
  name       = "${var.name}-database"
  region     = var.subnetwork.region
  network    = var.network.id
  ip_address = google_compute_address.endpoint.self_link
  target     = var.database.psc_service_attachment
  labels     = var.labels

  load_balancing_scheme   = "" # what an endpoint of Private Service Connect has
  allow_psc_global_access = true

  # An endpoint that the database's side has closed stays closed; it is made anew.
  recreate_closed_psc = true

  lifecycle {
    precondition {
      condition     = try(length(var.database.psc_service_attachment) > 0, false)
      error_message = "The database has no service attachment: turn Private Service Connect on in the module database (access.psc). A private address in a peered range cannot be reached from another network."
    }
  }
}

# The name that the Cloud SQL connectors and the Auth Proxy look up, in this network only.
resource "google_dns_managed_zone" "database" {
  project     = var.project
  name        = "${var.name}-database"
  description = "Leads to the endpoint of the database ${var.database.instance}."
  dns_name    = local.dns_name
  visibility  = "private"
  labels      = var.labels

  private_visibility_config {
    networks {
      network_url = var.network.id
    }
  }
}

resource "google_dns_record_set" "database" {
  project      = var.project
  managed_zone = google_dns_managed_zone.database.name
  name         = local.dns_name
  type         = "A"
  ttl          = 60
  rrdatas      = [google_compute_address.endpoint.address]
}

locals {
  dns_name = "${trimsuffix(try(coalesce(var.database.dns_name), ""), ".")}." # Cloud DNS wants the dot; not all write it

  connection = {
    address         = google_compute_address.endpoint.address
    dns_name        = local.dns_name
    port            = var.port
    connection_name = var.database.connection_name
    database_users  = local.database_users
  }
}
