package webhook

import (
	"slices"
	"strings"
)

// events is what DrChrono is known to send, beside PING. The console and the documentation spell one of them differently.
var events = map[string]bool{}

func init() {
	for of, happened := range map[string]string{
		"APPOINTMENT": "CREATE MODIFY DELETE", "CASH_PAYMENT": "DELETE", "CLINICAL_NOTE": "LOCK UNLOCK", "LAB_ORDER": "CREATE MODIFY DELETE",
		"LINE_ITEM": "CREATE MODIFY DELETE", "LINE_ITEM_TRANSACTION": "DELETE", "PATIENT": "CREATE MODIFY", "PATIENT_ALLERGY": "CREATE MODIFY",
		"PATIENT_FLAG": "CREATE MODIFY CMODIFY", "PATIENT_PROBLEM": "CREATE MODIFY", "PATIENT_MEDICATION": "CREATE MODIFY",
		"TASK": "CREATE MODIFY DELETE", "VACCINE": "ADMINISTERED",
	} {
		for what := range strings.FieldsSeq(happened) {
			events[of+"_"+what] = true
		}
	}
}

// Known tells of an event whether DrChrono is known to send it.
func Known(event string) bool { return events[event] || event == Ping }

// Events is every event that DrChrono is known to send, in order, without PING.
func Events() []string {
	names := make([]string, 0, len(events))
	for name := range events {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
