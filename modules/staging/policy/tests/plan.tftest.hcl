variables {
  attestation = { by = "Synthetic Officer", expires = "2099-12-31" }
}

run "the_word_is_the_callers" {
  command = plan

  assert {
    condition     = output.policy.attestation.by == "Synthetic Officer" && output.policy.attestation.expires == "2099-12-31"
    error_message = "The policy has somebody else's attestation."
  }

  assert {
    condition     = output.policy.method == "safe_harbor" && contains(keys(output.policy.tables), "drchrono.patients")
    error_message = "The policy is not the product's."
  }
}

run "a_table_may_have_other_rules" {
  command = plan

  variables {
    tables = { "clinic.notes" = { columns = {} } }
  }

  assert {
    condition     = length(output.policy.tables["clinic.notes"].columns) == 0 && contains(keys(output.policy.tables), "drchrono.patients")
    error_message = "A further table takes the place of the product's."
  }
}

run "somebody_stands_for_it" {
  command = plan

  variables {
    attestation = { by = " ", expires = "2099-12-31" }
  }

  expect_failures = [var.attestation]
}

run "until_a_day" {
  command = plan

  variables {
    attestation = { by = "Synthetic Officer", expires = "2099-13-31" }
  }

  expect_failures = [var.attestation]
}
