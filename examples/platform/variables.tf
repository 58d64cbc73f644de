variable "act_as" {
  description = "Service account to act as, such as deliver-plan@feel-august-platform.iam.gserviceaccount.com, for a person who plans by hand. A pipeline is that account already."
  type        = string
  default     = null
}

variable "attestation" {
  description = "Who attests that what staging is given can be traced to no patient, and the last day for which that is said; a refresh needs it."
  type = object({
    by      = string
    expires = string
  })
  default = null
}

variable "refresh" {
  description = "Names a refresh of staging's data, such as \"2027-01\". Production publishes anonymised data when the name changes; without one, nothing."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = var.refresh == "" || var.attestation != null
    error_message = "Somebody has to stand for what staging is given: set attestation."
  }
}

variable "rehearsal" {
  description = "Whether this is a rehearsal without the environment's own state, as in tests: then it does not matter which bucket Terraform was initialised with."
  type        = bool
  default     = false
  nullable    = false
}

variable "signed_by" {
  description = "Public key of production's exports, as its output `anonymised` names it. Staging takes in what it has signed; without one, nothing."
  type        = string
  default     = ""
  nullable    = false
}
