variable "attestation" {
  description = "Who says that nothing is known by which what is left could be traced to a patient (45 CFR 164.514(b)(2)(ii)), and the last day (YYYY-MM-DD) for which that is said. Read the rules first."
  type = object({
    by      = string
    expires = string
  })
  nullable = false

  validation {
    condition     = length(trimspace(var.attestation.by)) > 0
    error_message = "attestation.by names whoever stands for it, such as \"Privacy Officer, Feel August\"."
  }

  validation {
    condition     = can(regex("^[0-9]{4}-[0-9]{2}-[0-9]{2}$", var.attestation.expires)) && can(formatdate("YYYY", "${var.attestation.expires}T00:00:00Z"))
    error_message = "attestation.expires is a day, such as \"2027-06-30\"."
  }
}

variable "tables" {
  description = "Rules of further tables, or other rules of the same, by schema.table: they take the place of the product's for a whole table."
  type        = any
  default     = {}
  nullable    = false
}
