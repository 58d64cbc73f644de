# What the rules say of each column is the product's; that nothing else is known by which a patient could be told is somebody's
# word (45 CFR 164.514(b)(2)(ii)), and so the caller's.

locals {
  policy = merge(local.anonymization_policy, {
    attestation = var.attestation
    tables      = merge(local.anonymization_policy.tables, var.tables)
  })
}
