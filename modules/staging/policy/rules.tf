# What becomes of each column of production in staging. Made by "make generate" out of the database that the migrations make,
# as "august-sync policy" makes it for any database; a test insists that it is current. The attestation is not this one, but
# the caller's.
locals {
  anonymization_policy = {
    version = 1
    method  = "safe_harbor"
    keys    = "ephemeral"

    attestation = {
      by      = "whoever calls this module"
      expires = "2099-12-31"
    }

    subject = {
      table = "drchrono.patients"
      key   = "id"
    }

    tables = {
      "billing.claim" = {
        subject = ["patient"]
        columns = {
          adjustment        = { transformer = "keep" }
          appointment       = { transformer = "surrogate" }
          balance_insurance = { transformer = "keep" }
          balance_patient   = { transformer = "keep" }
          billed            = { transformer = "keep" }
          billing_status    = { transformer = "keep", class = "none", type = "text", reason = "out of a list, the source's or one that the practice keeps for all of its visits" }
          counts            = { transformer = "keep" }
          denial_reasons    = { transformer = "keep", class = "none", type = "text[]", reason = "a code out of a list" }
          denied_lines      = { transformer = "keep" }
          doctor            = { transformer = "surrogate" }
          insurance_paid    = { transformer = "keep" }
          insurer_status    = { transformer = "keep", class = "none", type = "text", reason = "a code out of a list" }
          level             = { transformer = "keep" }
          level_paid        = { transformer = "keep" }
          lines             = { transformer = "keep" }
          paid_differs      = { transformer = "keep" }
          patient           = { transformer = "surrogate" }
          patient_paid      = { transformer = "keep" }
          payer             = { transformer = "text" }
          payer_id          = { transformer = "keep", class = "none", type = "text", reason = "the payer's, who is not the patient" }
          posted_paid       = { transformer = "keep" }
          reason            = { transformer = "keep", class = "none", type = "text", reason = "a code out of a list" }
          rule_version      = { transformer = "keep" }
          service_date      = { transformer = "year" }
          state             = { transformer = "keep", class = "none", type = "text", reason = "a code out of a list" }
          state_since       = { transformer = "year" }
          status            = { transformer = "keep", class = "none", type = "text", reason = "a code out of a list" }
          submitted_on      = { transformer = "year" }
          updated_at        = { transformer = "year" }
        }
      }

      "billing.claim_history" = {
        subject = ["appointment", "patient"]
        columns = {
          appointment        = { transformer = "surrogate" }
          id                 = { transformer = "surrogate" }
          level              = { transformer = "keep" }
          new_billing_status = { transformer = "keep", class = "none", type = "text", reason = "out of a list, the source's or one that the practice keeps for all of its visits" }
          new_insurer_status = { transformer = "keep", class = "none", type = "text", reason = "a code out of a list" }
          new_state          = { transformer = "keep", class = "none", type = "text", reason = "a code out of a list" }
          observed_at        = { transformer = "year" }
          old_billing_status = { transformer = "keep", class = "none", type = "text", reason = "out of a list, the source's or one that the practice keeps for all of its visits" }
          old_insurer_status = { transformer = "keep", class = "none", type = "text", reason = "a code out of a list" }
          old_state          = { transformer = "keep", class = "none", type = "text", reason = "a code out of a list" }
          rule_version       = { transformer = "keep" }
          run_id             = { transformer = "surrogate" }
        }
      }

      "billing.mismatch" = {
        subject = ["appointment", "patient"]
        columns = {
          appointment = { transformer = "surrogate" }
          difference  = { transformer = "derived" }
          expected    = { transformer = "keep" }
          field       = { transformer = "keep", class = "none", type = "text", reason = "a code out of a list" }
          found       = { transformer = "keep" }
          key         = { transformer = "surrogate" }
          level       = { transformer = "keep" }
          line_item   = { transformer = "surrogate" }
          payment     = { transformer = "surrogate" }
          reason      = { transformer = "keep", class = "none", type = "text", reason = "a code out of a list" }
          repeats     = { transformer = "surrogate" }
          resolved_at = { transformer = "year" }
          severity    = { transformer = "keep", class = "none", type = "text", reason = "a code out of a list" }
          since       = { transformer = "year" }
          text        = { transformer = "keep", class = "none", type = "text", reason = "words that are the same for every mismatch of a kind" }
          transaction = { transformer = "surrogate" }
          updated_at  = { transformer = "year" }
        }
      }

      "drchrono.appointments" = {
        subject = ["patient"]
        columns = {
          appt_is_break              = { transformer = "keep" }
          billing_provider           = { transformer = "surrogate", domain = "drchrono.doctors.id" }
          billing_status             = { transformer = "keep", class = "none", type = "text", reason = "out of a list, the source's or one that the practice keeps for all of its visits" }
          cloned_from                = { transformer = "surrogate" }
          content_hash               = { transformer = "constant", value = "" }
          created_at                 = { transformer = "year" }
          deleted_at_source          = { transformer = "year" }
          deleted_flag               = { transformer = "keep" }
          doctor                     = { transformer = "surrogate" }
          duration                   = { transformer = "keep" }
          first_billed_date          = { transformer = "year" }
          first_edi_date             = { transformer = "year" }
          id                         = { transformer = "surrogate" }
          ins1_status                = { transformer = "keep", class = "none", type = "text", reason = "a code out of a list" }
          ins2_status                = { transformer = "keep", class = "none", type = "text", reason = "a code out of a list" }
          last_billed_date           = { transformer = "year" }
          last_edi_date              = { transformer = "year" }
          observed_at                = { transformer = "year" }
          office                     = { transformer = "surrogate" }
          patient                    = { transformer = "surrogate" }
          payment_profile            = { transformer = "keep", class = "none", type = "text", reason = "a code out of a list" }
          primary_insurer_name       = { transformer = "text" }
          primary_insurer_payer_id   = { transformer = "keep", class = "none", type = "text", reason = "the payer's, who is not the patient" }
          raw                        = { transformer = "constant", value = "{}" }
          resubmit_claim_original_id = { transformer = "surrogate" }
          scheduled_time             = { transformer = "year" }
          secondary_insurer_name     = { transformer = "text" }
          secondary_insurer_payer_id = { transformer = "keep", class = "none", type = "text", reason = "the payer's, who is not the patient" }
          status                     = { transformer = "keep", class = "none", type = "text", reason = "out of a list, the source's or one that the practice keeps for all of its visits" }
          updated_at                 = { transformer = "year" }
        }
      }

      "drchrono.doctors" = {
        columns = {
          content_hash         = { transformer = "constant", value = "" }
          deleted_at_source    = { transformer = "year" }
          first_name           = { transformer = "name", part = "first" }
          id                   = { transformer = "surrogate" }
          is_account_suspended = { transformer = "keep" }
          last_name            = { transformer = "name", part = "last" }
          npi_number           = { transformer = "null" }
          observed_at          = { transformer = "year" }
          practice_group       = { transformer = "null" }
          practice_group_name  = { transformer = "null" }
          raw                  = { transformer = "constant", value = "{}" }
          specialty            = { transformer = "keep", class = "none", type = "text", reason = "of the provider, and the same for many" }
          timezone             = { transformer = "keep", class = "none", type = "text", reason = "of the provider, and the same for many" }
        }
      }

      "drchrono.eligibility_checks" = {
        subject = ["patient"]
        columns = {
          appointment              = { transformer = "surrogate" }
          cob_level                = { transformer = "keep", class = "none", type = "text", reason = "a code out of a list" }
          content_hash             = { transformer = "constant", value = "" }
          deleted_at_source        = { transformer = "year" }
          eligibility              = { transformer = "keep", class = "none", type = "text", reason = "a code out of a list" }
          id                       = { transformer = "surrogate" }
          observed_at              = { transformer = "year" }
          patient                  = { transformer = "surrogate" }
          payer_name               = { transformer = "text" }
          query_date               = { transformer = "year" }
          raw                      = { transformer = "constant", value = "{}" }
          request_service_type     = { transformer = "keep", class = "none", type = "text", reason = "a code out of a list" }
          service_type_description = { transformer = "keep", class = "none", type = "text", reason = "a code out of a list" }
          updated_at               = { transformer = "year" }
        }
      }

      "drchrono.eobs" = {
        columns = {
          check_date                   = { transformer = "year" }
          content_hash                 = { transformer = "constant", value = "" }
          deleted_at_source            = { transformer = "year" }
          deposit_date                 = { transformer = "year" }
          doctor                       = { transformer = "surrogate" }
          id                           = { transformer = "surrogate" }
          insurance_payer_id           = { transformer = "keep", class = "none", type = "text", reason = "the payer's, who is not the patient" }
          insurance_payer_name         = { transformer = "text" }
          insurance_payer_trace_number = { transformer = "surrogate", domain = "payments.trace_number" }
          observed_at                  = { transformer = "year" }
          payment_method               = { transformer = "keep", class = "none", type = "text", reason = "a code out of a list" }
          posted_date                  = { transformer = "year" }
          raw                          = { transformer = "constant", value = "{}" }
          total_paid                   = { transformer = "keep" }
          updated_at                   = { transformer = "year" }
        }
      }

      "drchrono.lab_documents" = {
        subject = ["lab_order", "patient"]
        columns = {
          content_hash      = { transformer = "constant", value = "" }
          deleted_at_source = { transformer = "year" }
          has_document      = { transformer = "keep" }
          has_hl7           = { transformer = "keep" }
          id                = { transformer = "surrogate" }
          lab_order         = { transformer = "surrogate" }
          observed_at       = { transformer = "year" }
          raw               = { transformer = "constant", value = "{}" }
          timestamp         = { transformer = "year" }
          type              = { transformer = "keep", class = "none", type = "text", reason = "a code out of a list" }
        }
      }

      "drchrono.lab_orders" = {
        subject = ["patient"]
        columns = {
          accession_number        = { transformer = "surrogate" }
          content_hash            = { transformer = "constant", value = "" }
          deleted_at_source       = { transformer = "year" }
          doctor                  = { transformer = "surrogate" }
          external_requisition_id = { transformer = "surrogate" }
          id                      = { transformer = "surrogate" }
          observed_at             = { transformer = "year" }
          patient                 = { transformer = "surrogate" }
          priority                = { transformer = "keep", class = "none", type = "text", reason = "a code out of a list" }
          raw                     = { transformer = "constant", value = "{}" }
          requisition_id          = { transformer = "surrogate" }
          status                  = { transformer = "keep", class = "none", type = "text", reason = "a code out of a list" }
          sublab                  = { transformer = "surrogate" }
          timestamp               = { transformer = "year" }
        }
      }

      "drchrono.lab_results" = {
        subject = ["lab_order", "patient"]
        columns = {
          abnormal_basis          = { transformer = "keep", class = "none", type = "text", reason = "a code out of a list" }
          abnormal_direction      = { transformer = "keep", class = "none", type = "text", reason = "a code out of a list" }
          abnormal_rule           = { transformer = "keep", class = "none", type = "text", reason = "a code out of a list" }
          abnormal_severity       = { transformer = "keep", class = "none", type = "text", reason = "a code out of a list" }
          abnormal_state          = { transformer = "keep", class = "none", type = "text", reason = "a code out of a list" }
          abnormal_status         = { transformer = "text" }
          content_hash            = { transformer = "constant", value = "" }
          deleted_at_source       = { transformer = "year" }
          document                = { transformer = "surrogate" }
          fingerprint             = { transformer = "surrogate", domain = "labs.fingerprint" }
          group_code              = { transformer = "keep", class = "none", type = "text", reason = "a code out of a list" }
          id                      = { transformer = "surrogate", domain = "labs.result" }
          is_abnormal             = { transformer = "text" }
          lab_order               = { transformer = "surrogate" }
          lab_test                = { transformer = "surrogate" }
          normal_range            = { transformer = "text" }
          observation_code        = { transformer = "keep", class = "none", type = "text", reason = "a code out of a list" }
          observation_description = { transformer = "text" }
          observation_key         = { transformer = "surrogate", domain = "labs.observation_key" }
          observed_at             = { transformer = "year" }
          range_expected          = { transformer = "text" }
          range_high              = { transformer = "keep", class = "none", type = "numeric", reason = "what was measured, or what is normal: a figure, no number of a record" }
          range_high_inclusive    = { transformer = "keep" }
          range_kind              = { transformer = "keep", class = "none", type = "text", reason = "a code out of a list" }
          range_low               = { transformer = "keep", class = "none", type = "numeric", reason = "what was measured, or what is normal: a figure, no number of a record" }
          range_low_inclusive     = { transformer = "keep" }
          range_unit              = { transformer = "text" }
          raw                     = { transformer = "constant", value = "{}" }
          rule_version            = { transformer = "keep" }
          specimen_received       = { transformer = "year" }
          status                  = { transformer = "keep", class = "none", type = "text", reason = "a code out of a list" }
          superseded_by           = { transformer = "surrogate", domain = "labs.result" }
          test_performed          = { transformer = "year" }
          unit                    = { transformer = "text" }
          value                   = { transformer = "text" }
          value_comparator        = { transformer = "keep", class = "none", type = "text", reason = "a code out of a list" }
          value_flag              = { transformer = "text" }
          value_is_numeric        = { transformer = "keep" }
          value_kind              = { transformer = "keep", class = "none", type = "text", reason = "a code out of a list" }
          value_number            = { transformer = "keep", class = "none", type = "numeric", reason = "what was measured, or what is normal: a figure, no number of a record" }
          value_text              = { transformer = "text" }
          value_titre             = { transformer = "keep", class = "none", type = "bigint", reason = "what was measured, or what is normal: a figure, no number of a record" }
          value_unit              = { transformer = "text" }
        }
      }

      "drchrono.lab_tests" = {
        subject = ["lab_order", "patient"]
        columns = {
          code                  = { transformer = "keep", class = "none", type = "text", reason = "a code out of a list" }
          collection_date       = { transformer = "year" }
          content_hash          = { transformer = "constant", value = "" }
          deleted_at_source     = { transformer = "year" }
          description           = { transformer = "text" }
          id                    = { transformer = "surrogate" }
          lab_order             = { transformer = "surrogate" }
          name                  = { transformer = "text", class = "none", reason = "of a laboratory's test, as written by hand" }
          observed_at           = { transformer = "year" }
          raw                   = { transformer = "constant", value = "{}" }
          specimen_condition    = { transformer = "text" }
          specimen_source       = { transformer = "text" }
          specimen_total_volume = { transformer = "keep" }
          status                = { transformer = "keep", class = "none", type = "text", reason = "a code out of a list" }
        }
      }

      "drchrono.line_item_deletions" = {
        subject = ["appointment_id", "patient"]
        columns = {
          appointment_id       = { transformer = "surrogate" }
          billing_line_item_id = { transformer = "surrogate" }
          content_hash         = { transformer = "constant", value = "" }
          created_at           = { transformer = "year" }
          deleted_at_source    = { transformer = "year" }
          observed_at          = { transformer = "year" }
          raw                  = { transformer = "constant", value = "{}" }
        }
      }

      "drchrono.line_items" = {
        subject = ["patient"]
        columns = {
          adjustment             = { transformer = "keep" }
          allowed                = { transformer = "keep" }
          appointment            = { transformer = "surrogate" }
          balance_ins            = { transformer = "keep" }
          balance_pt             = { transformer = "keep" }
          balance_total          = { transformer = "keep" }
          billed                 = { transformer = "keep" }
          billing_status         = { transformer = "keep", class = "none", type = "text", reason = "out of a list, the source's or one that the practice keeps for all of its visits" }
          code                   = { transformer = "keep", class = "none", type = "text", reason = "out of a list, the source's or one that the practice keeps for all of its visits" }
          content_hash           = { transformer = "constant", value = "" }
          deleted_at_source      = { transformer = "year" }
          denied_flag            = { transformer = "keep" }
          doctor                 = { transformer = "surrogate" }
          expected_reimbursement = { transformer = "keep" }
          id                     = { transformer = "surrogate" }
          ins1_paid              = { transformer = "keep" }
          ins2_paid              = { transformer = "keep" }
          ins3_paid              = { transformer = "keep" }
          ins_total              = { transformer = "keep" }
          insurance_status       = { transformer = "text" }
          observed_at            = { transformer = "year" }
          paid_total             = { transformer = "keep" }
          patient                = { transformer = "surrogate" }
          posted_date            = { transformer = "year" }
          price                  = { transformer = "keep" }
          procedure_type         = { transformer = "keep", class = "none", type = "text", reason = "out of a list, the source's or one that the practice keeps for all of its visits" }
          pt_paid                = { transformer = "keep" }
          quantity               = { transformer = "keep" }
          raw                    = { transformer = "constant", value = "{}" }
          service_date           = { transformer = "year" }
          units                  = { transformer = "keep", class = "none", type = "text", reason = "a code out of a list" }
          updated_at             = { transformer = "year" }
        }
      }

      "drchrono.offices" = {
        columns = {
          archived          = { transformer = "keep" }
          content_hash      = { transformer = "constant", value = "" }
          deleted_at_source = { transformer = "year" }
          doctor            = { transformer = "surrogate" }
          id                = { transformer = "surrogate" }
          name              = { transformer = "constant", value = "Office" }
          observed_at       = { transformer = "year" }
          raw               = { transformer = "constant", value = "{}" }
          state             = { transformer = "keep", class = "none", type = "text", reason = "states may stay: 164.514(b)(2)(i)(B)" }
        }
      }

      "drchrono.patient_lab_results" = {
        subject = ["patient"]
        columns = {
          abnormal_basis         = { transformer = "keep", class = "none", type = "text", reason = "a code out of a list" }
          abnormal_direction     = { transformer = "keep", class = "none", type = "text", reason = "a code out of a list" }
          abnormal_rule          = { transformer = "keep", class = "none", type = "text", reason = "a code out of a list" }
          abnormal_severity      = { transformer = "keep", class = "none", type = "text", reason = "a code out of a list" }
          abnormal_state         = { transformer = "keep", class = "none", type = "text", reason = "a code out of a list" }
          content_hash           = { transformer = "constant", value = "" }
          created_at             = { transformer = "year" }
          date_test_performed    = { transformer = "year" }
          deleted_at_source      = { transformer = "year" }
          doctor_signoff         = { transformer = "keep" }
          fingerprint            = { transformer = "surrogate", domain = "labs.fingerprint" }
          id                     = { transformer = "surrogate", domain = "labs.result" }
          lab_abnormal_flag      = { transformer = "text" }
          lab_normal_range       = { transformer = "text" }
          lab_normal_range_units = { transformer = "text" }
          lab_order_status       = { transformer = "keep", class = "none", type = "text", reason = "a code out of a list" }
          lab_result_value       = { transformer = "text" }
          lab_result_value_units = { transformer = "text" }
          loinc_code             = { transformer = "keep", class = "none", type = "text", reason = "a code out of a list" }
          observed_at            = { transformer = "year" }
          ordering_doctor        = { transformer = "surrogate" }
          patient                = { transformer = "surrogate" }
          range_expected         = { transformer = "text" }
          range_high             = { transformer = "keep", class = "none", type = "numeric", reason = "what was measured, or what is normal: a figure, no number of a record" }
          range_high_inclusive   = { transformer = "keep" }
          range_kind             = { transformer = "keep", class = "none", type = "text", reason = "a code out of a list" }
          range_low              = { transformer = "keep", class = "none", type = "numeric", reason = "what was measured, or what is normal: a figure, no number of a record" }
          range_low_inclusive    = { transformer = "keep" }
          range_unit             = { transformer = "text" }
          raw                    = { transformer = "constant", value = "{}" }
          rule_version           = { transformer = "keep" }
          title                  = { transformer = "text" }
          updated_at             = { transformer = "year" }
          value_comparator       = { transformer = "keep", class = "none", type = "text", reason = "a code out of a list" }
          value_flag             = { transformer = "text" }
          value_kind             = { transformer = "keep", class = "none", type = "text", reason = "a code out of a list" }
          value_number           = { transformer = "keep", class = "none", type = "numeric", reason = "what was measured, or what is normal: a figure, no number of a record" }
          value_text             = { transformer = "text" }
          value_titre            = { transformer = "keep", class = "none", type = "bigint", reason = "what was measured, or what is normal: a figure, no number of a record" }
          value_unit             = { transformer = "text" }
        }
      }

      "drchrono.patient_payment_log" = {
        subject = ["patient"]
        columns = {
          action            = { transformer = "keep", class = "none", type = "text", reason = "a code out of a list" }
          amount            = { transformer = "keep" }
          appointment       = { transformer = "surrogate" }
          content_hash      = { transformer = "constant", value = "" }
          created_by        = { transformer = "null" }
          deleted_at_source = { transformer = "year" }
          doctor            = { transformer = "surrogate" }
          id                = { transformer = "surrogate" }
          observed_at       = { transformer = "year" }
          patient           = { transformer = "surrogate" }
          payment_method    = { transformer = "keep", class = "none", type = "text", reason = "a code out of a list" }
          raw               = { transformer = "constant", value = "{}" }
          source            = { transformer = "keep", class = "none", type = "text", reason = "a code out of a list" }
          updated_at        = { transformer = "year" }
        }
      }

      "drchrono.patient_payments" = {
        subject = ["patient"]
        columns = {
          amount                   = { transformer = "keep" }
          appointment              = { transformer = "surrogate" }
          content_hash             = { transformer = "constant", value = "" }
          created_at               = { transformer = "year" }
          deleted_at_source        = { transformer = "year" }
          doctor                   = { transformer = "surrogate" }
          id                       = { transformer = "surrogate" }
          line_item                = { transformer = "surrogate" }
          observed_at              = { transformer = "year" }
          patient                  = { transformer = "surrogate" }
          payment_method           = { transformer = "keep", class = "none", type = "text", reason = "a code out of a list" }
          payment_transaction_type = { transformer = "keep", class = "none", type = "text", reason = "a code out of a list" }
          posted_date              = { transformer = "year" }
          raw                      = { transformer = "constant", value = "{}" }
          received_date            = { transformer = "year" }
          trace_number             = { transformer = "surrogate" }
          updated_at               = { transformer = "year" }
        }
      }

      "drchrono.patients" = {
        columns = {
          address                   = { transformer = "street" }
          cell_phone                = { transformer = "phone" }
          chart_id                  = { transformer = "surrogate" }
          city                      = { transformer = "city" }
          content_hash              = { transformer = "constant", value = "" }
          copay                     = { transformer = "text" }
          created_at                = { transformer = "year" }
          date_of_birth             = { transformer = "year" }
          date_of_death             = { transformer = "year" }
          date_of_first_appointment = { transformer = "year" }
          date_of_last_appointment  = { transformer = "year" }
          deleted_at_source         = { transformer = "year" }
          disable_sms_messages      = { transformer = "keep" }
          doctor                    = { transformer = "surrogate" }
          email                     = { transformer = "email" }
          first_name                = { transformer = "name", part = "first" }
          gender                    = { transformer = "keep", class = "none", type = "text", reason = "one of DrChrono's six words for administrative sex" }
          home_phone                = { transformer = "phone" }
          id                        = { transformer = "surrogate" }
          last_name                 = { transformer = "name", part = "last" }
          middle_name               = { transformer = "name", part = "middle" }
          observed_at               = { transformer = "year" }
          office_phone              = { transformer = "phone" }
          patient_payment_profile   = { transformer = "keep", class = "none", type = "text", reason = "a code out of a list" }
          patient_status            = { transformer = "keep", class = "none", type = "text", reason = "a code out of a list" }
          raw                       = { transformer = "constant", value = "{}" }
          state                     = { transformer = "keep", class = "none", type = "text", reason = "states may stay: 164.514(b)(2)(i)(B)" }
          updated_at                = { transformer = "year" }
          zip_code                  = { transformer = "zip3" }
        }
      }

      "drchrono.sublabs" = {
        columns = {
          content_hash      = { transformer = "constant", value = "" }
          deleted_at_source = { transformer = "year" }
          facility_code     = { transformer = "surrogate" }
          id                = { transformer = "surrogate" }
          name              = { transformer = "text", class = "none", reason = "of a laboratory" }
          observed_at       = { transformer = "year" }
          raw               = { transformer = "constant", value = "{}" }
          vendor_name       = { transformer = "text", class = "none", reason = "of a laboratory" }
        }
      }

      "drchrono.transactions" = {
        subject = ["patient"]
        columns = {
          adjustment            = { transformer = "keep" }
          adjustment_group_code = { transformer = "keep", class = "none", type = "text", reason = "a code out of a list" }
          adjustment_reason     = { transformer = "keep", class = "none", type = "text", reason = "a code out of a list" }
          appointment           = { transformer = "surrogate" }
          check_date            = { transformer = "year" }
          claim_status          = { transformer = "keep", class = "none", type = "text", reason = "a code out of a list" }
          content_hash          = { transformer = "constant", value = "" }
          created_at            = { transformer = "year" }
          deleted_at_source     = { transformer = "year" }
          doctor                = { transformer = "surrogate" }
          id                    = { transformer = "surrogate" }
          ins_name              = { transformer = "keep" }
          ins_paid              = { transformer = "keep" }
          line_item             = { transformer = "surrogate" }
          observed_at           = { transformer = "year" }
          patient               = { transformer = "surrogate" }
          posted_date           = { transformer = "year" }
          raw                   = { transformer = "constant", value = "{}" }
          trace_number          = { transformer = "surrogate", domain = "payments.trace_number" }
          updated_at            = { transformer = "year" }
        }
      }

      "labs.acknowledgement" = {
        columns = {
          acknowledged_at = { transformer = "year" }
          acknowledged_by = { transformer = "constant", value = "staff" }
          fingerprint     = { transformer = "surrogate", domain = "labs.fingerprint" }
          id              = { transformer = "surrogate" }
          observation     = { transformer = "surrogate", domain = "labs.observation" }
          result          = { transformer = "surrogate", domain = "labs.result" }
          source          = { transformer = "keep", class = "none", type = "text", reason = "a code out of a list" }
          status          = { transformer = "keep", class = "none", type = "text", reason = "a code out of a list" }
          withdrawn_at    = { transformer = "year" }
        }
      }

      "labs.order_progress" = {
        subject = ["lab_order", "patient"]
        columns = {
          cancelled    = { transformer = "keep" }
          corrected    = { transformer = "keep" }
          done         = { transformer = "keep" }
          lab_order    = { transformer = "surrogate" }
          open         = { transformer = "keep" }
          progress     = { transformer = "keep", class = "none", type = "text", reason = "a code out of a list" }
          rule_version = { transformer = "keep" }
          settled      = { transformer = "keep" }
          tests        = { transformer = "keep" }
          updated_at   = { transformer = "year" }
        }
      }

      "labs.review" = {
        subject = ["patient"]
        columns = {
          abnormal_state = { transformer = "keep", class = "none", type = "text", reason = "a code out of a list" }
          basis          = { transformer = "keep", class = "none", type = "text", reason = "a code out of a list" }
          code           = { transformer = "surrogate" }
          direction      = { transformer = "keep", class = "none", type = "text", reason = "a code out of a list" }
          doctor         = { transformer = "surrogate" }
          fingerprint    = { transformer = "surrogate", domain = "labs.fingerprint" }
          lab_order      = { transformer = "surrogate" }
          name           = { transformer = "text", class = "none", reason = "of a laboratory's test, as written by hand" }
          observation    = { transformer = "surrogate", domain = "labs.observation" }
          patient        = { transformer = "surrogate" }
          reason         = { transformer = "keep", class = "none", type = "text", reason = "a code out of a list" }
          result         = { transformer = "surrogate", domain = "labs.result" }
          severity       = { transformer = "keep", class = "none", type = "text", reason = "a code out of a list" }
          since          = { transformer = "year" }
          source         = { transformer = "keep", class = "none", type = "text", reason = "a code out of a list" }
          state          = { transformer = "keep", class = "none", type = "text", reason = "a code out of a list" }
          status         = { transformer = "keep", class = "none", type = "text", reason = "a code out of a list" }
          test           = { transformer = "text", class = "none", reason = "of a laboratory's test, as written by hand" }
          updated_at     = { transformer = "year" }
        }
      }
    }

    exclude = {
      "august.*"            = "the runtime's own state: credentials, deliveries, runs and the audit trail, which staging has of its own"
      "billing.daily"       = "exact days with groups as small as one claim; staging derives its own"
      "drchrono.quarantine" = "rows as received that nobody could decode: what is in them is not known"
    }

    references = [
      { table = "billing.claim", column = "appointment", to = "drchrono.appointments", to_column = "id", orphans = true },
      { table = "billing.claim", column = "doctor", to = "drchrono.doctors", to_column = "id", orphans = true },
      { table = "billing.claim", column = "patient", to = "drchrono.patients", to_column = "id", orphans = true },
      { table = "billing.claim_history", column = "appointment", to = "drchrono.appointments", to_column = "id", orphans = true },
      { table = "billing.mismatch", column = "appointment", to = "drchrono.appointments", to_column = "id", orphans = true },
      { table = "billing.mismatch", column = "line_item", to = "drchrono.line_items", to_column = "id", orphans = true },
      { table = "billing.mismatch", column = "payment", to = "drchrono.patient_payments", to_column = "id", orphans = true },
      { table = "billing.mismatch", column = "repeats", to = "drchrono.patient_payments", to_column = "id", orphans = true },
      { table = "billing.mismatch", column = "transaction", to = "drchrono.transactions", to_column = "id", orphans = true },
      { table = "drchrono.appointments", column = "cloned_from", to = "drchrono.appointments", to_column = "id", orphans = true },
      { table = "drchrono.appointments", column = "doctor", to = "drchrono.doctors", to_column = "id", orphans = true },
      { table = "drchrono.appointments", column = "office", to = "drchrono.offices", to_column = "id", orphans = true },
      { table = "drchrono.appointments", column = "patient", to = "drchrono.patients", to_column = "id", orphans = true },
      { table = "drchrono.appointments", column = "resubmit_claim_original_id", to = "drchrono.appointments", to_column = "id", orphans = true },
      { table = "drchrono.eligibility_checks", column = "appointment", to = "drchrono.appointments", to_column = "id", orphans = true },
      { table = "drchrono.eligibility_checks", column = "patient", to = "drchrono.patients", to_column = "id", orphans = true },
      { table = "drchrono.eobs", column = "doctor", to = "drchrono.doctors", to_column = "id", orphans = true },
      { table = "drchrono.lab_documents", column = "lab_order", to = "drchrono.lab_orders", to_column = "id", orphans = true },
      { table = "drchrono.lab_orders", column = "doctor", to = "drchrono.doctors", to_column = "id", orphans = true },
      { table = "drchrono.lab_orders", column = "patient", to = "drchrono.patients", to_column = "id", orphans = true },
      { table = "drchrono.lab_orders", column = "sublab", to = "drchrono.sublabs", to_column = "id", orphans = true },
      { table = "drchrono.lab_results", column = "document", to = "drchrono.lab_documents", to_column = "id", orphans = true },
      { table = "drchrono.lab_results", column = "lab_order", to = "drchrono.lab_orders", to_column = "id", orphans = true },
      { table = "drchrono.lab_results", column = "lab_test", to = "drchrono.lab_tests", to_column = "id", orphans = true },
      { table = "drchrono.lab_results", column = "superseded_by", to = "drchrono.lab_results", to_column = "id", orphans = true },
      { table = "drchrono.lab_tests", column = "lab_order", to = "drchrono.lab_orders", to_column = "id", orphans = true },
      { table = "drchrono.line_item_deletions", column = "appointment_id", to = "drchrono.appointments", to_column = "id", orphans = true },
      { table = "drchrono.line_item_deletions", column = "billing_line_item_id", to = "drchrono.line_items", to_column = "id", orphans = true },
      { table = "drchrono.line_items", column = "appointment", to = "drchrono.appointments", to_column = "id", orphans = true },
      { table = "drchrono.line_items", column = "doctor", to = "drchrono.doctors", to_column = "id", orphans = true },
      { table = "drchrono.line_items", column = "patient", to = "drchrono.patients", to_column = "id", orphans = true },
      { table = "drchrono.offices", column = "doctor", to = "drchrono.doctors", to_column = "id", orphans = true },
      { table = "drchrono.patient_lab_results", column = "ordering_doctor", to = "drchrono.doctors", to_column = "id", orphans = true },
      { table = "drchrono.patient_lab_results", column = "patient", to = "drchrono.patients", to_column = "id", orphans = true },
      { table = "drchrono.patient_payment_log", column = "appointment", to = "drchrono.appointments", to_column = "id", orphans = true },
      { table = "drchrono.patient_payment_log", column = "doctor", to = "drchrono.doctors", to_column = "id", orphans = true },
      { table = "drchrono.patient_payment_log", column = "patient", to = "drchrono.patients", to_column = "id", orphans = true },
      { table = "drchrono.patient_payments", column = "appointment", to = "drchrono.appointments", to_column = "id", orphans = true },
      { table = "drchrono.patient_payments", column = "doctor", to = "drchrono.doctors", to_column = "id", orphans = true },
      { table = "drchrono.patient_payments", column = "line_item", to = "drchrono.line_items", to_column = "id", orphans = true },
      { table = "drchrono.patient_payments", column = "patient", to = "drchrono.patients", to_column = "id", orphans = true },
      { table = "drchrono.patients", column = "doctor", to = "drchrono.doctors", to_column = "id", orphans = true },
      { table = "drchrono.transactions", column = "appointment", to = "drchrono.appointments", to_column = "id", orphans = true },
      { table = "drchrono.transactions", column = "doctor", to = "drchrono.doctors", to_column = "id", orphans = true },
      { table = "drchrono.transactions", column = "line_item", to = "drchrono.line_items", to_column = "id", orphans = true },
      { table = "drchrono.transactions", column = "patient", to = "drchrono.patients", to_column = "id", orphans = true },
      { table = "labs.order_progress", column = "lab_order", to = "drchrono.lab_orders", to_column = "id", orphans = true },
      { table = "labs.review", column = "doctor", to = "drchrono.doctors", to_column = "id", orphans = true },
      { table = "labs.review", column = "lab_order", to = "drchrono.lab_orders", to_column = "id", orphans = true },
      { table = "labs.review", column = "patient", to = "drchrono.patients", to_column = "id", orphans = true },
    ]

    quasi_identifiers = [
      { table = "drchrono.patients", columns = ["date_of_birth", "gender", "state", "zip_code"], k = 0 },
    ]
  }
}
