variables {
  attestation = { by = "Synthetic Officer", expires = "2099-12-31" }
}

run "the_word_is_the_callers" {
  command = apply

  assert {
    condition     = output.policy.attestation.by == "Synthetic Officer" && output.policy.attestation.expires == "2099-12-31"
    error_message = "The policy has somebody else's attestation."
  }

  assert {
    condition     = output.policy.method == "safe_harbor" && contains(keys(output.policy.tables), "drchrono.patients")
    error_message = "The policy is not the product's."
  }
}

