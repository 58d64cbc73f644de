package cloudrun

import (
	"encoding/json"
	"strings"

	"github.com/feel-august/terraform-provider-august/internal/localcloud/gapi"
)

// showVPC says a template's vpcAccess in the annotations that v1 has for it.
func showVPC(notes, template tree) {
	vpc, _ := template["vpcAccess"].(tree)
	if c, _ := vpc["connector"].(string); c != "" {
		notes[noteConnector] = c
	}
	if e, _ := vpc["egress"].(string); e != "" {
		notes[noteEgress] = strings.ReplaceAll(strings.ToLower(e), "_", "-")
	}
	if nics, ok := vpc["networkInterfaces"]; ok {
		if text, err := json.Marshal(nics); err == nil {
			notes[noteNetworks] = string(text)
		}
	}
}

// readVPC is its opposite. What the annotations do not say is not there any more.
func readVPC(template tree, notes map[string]string) error {
	vpc := tree{}
	if c := notes[noteConnector]; c != "" {
		vpc["connector"] = c
	}
	switch e := notes[noteEgress]; e {
	case "":
	case "all", "all-traffic": // the first is what older versions of gcloud send
		vpc["egress"] = "ALL_TRAFFIC"
	case "private-ranges-only":
		vpc["egress"] = "PRIVATE_RANGES_ONLY"
	default:
		return gapi.Invalid("metadata.annotations: %s: %q is neither all-traffic nor private-ranges-only", noteEgress, e)
	}
	if text := notes[noteNetworks]; text != "" {
		var nics []any
		if err := decode([]byte(text), &nics); err != nil {
			return gapi.Invalid("metadata.annotations: %s: %v", noteNetworks, err)
		}
		prune(nics)
		vpc["networkInterfaces"] = nics
	}
	delete(template, "vpcAccess")
	if len(vpc) > 0 {
		template["vpcAccess"] = vpc
	}
	return nil
}
