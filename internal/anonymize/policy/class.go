package policy

import (
	"regexp"
	"strings"
	"unicode"

	"github.com/feel-august/terraform-provider-august/internal/anonymize/catalog"
)

// None is the class of what identifies nobody.
const None = "none"

// Classes are the kinds of identifiers of 164.514(b)(2)(i), by their letters.
var Classes = map[string]string{
	"A": "names", "B": "geographic subdivisions smaller than a state", "C": "elements of dates except the year, and ages over 89",
	"D": "telephone numbers", "E": "fax numbers", "F": "e-mail addresses", "G": "social security numbers", "H": "medical record numbers",
	"I": "health plan beneficiary numbers", "J": "account numbers", "K": "certificate and licence numbers", "L": "vehicle identifiers",
	"M": "device identifiers", "N": "URLs", "O": "IP addresses", "P": "biometric identifiers", "Q": "full-face photographs",
	"R": "any other unique number, characteristic or code",
}

// hints tell by a column's name what class of identifiers it holds; the first that matches counts. A word stands alone between
// underscores. They err on the side of caution: a rule may set them aside, and has to say why.
var hints = []struct {
	class string
	name  *regexp.Regexp
}{
	{"F", words(`e_?mails?|e_mail_address(es)?`)},
	{"O", words(`ips?|ip_?addr(ess)?(es)?|ipv[46]|remote_(addr|host|ip)|user_agent|hostname`)},
	{"M", words(`devices?|serial|udi|imei|imsi|mac|push_token|fcm|apns|implant(able|s)?|fingerprint_id`)},
	{"N", words(`ur[li]s?|websites?|web|links?|href|homepage|blob|s3|gcs`)},
	{"D", words(`(tele)?phones?(_?(no|number))?|tel|cell|mobile|sms|pager|msisdn|whatsapp|landline`)},
	{"E", words(`fax`)},
	{"G", words(`ssn|social_security.*|tin|itin|tax_?id|sin|national_id|nino|passport|last_?4`)},
	{"H", words(`mrn|charts?|medical_record.*|emr|ehr|record_(no|number|id)`)},
	{"I", words(`insurance_(id|no|number|policy)|insured?_id|member(_?(id|no|number))|subscribers?|polic(y|ies)|group_(no|number|id)|medicaid|medicare|mbi|hicn|beneficiary|plan_(id|no|number)`)},
	{"J", words(`accounts?|acct|card|cards|pan|stripe|iban|routing|bank|(trace|check|cheque|invoice)_(no|num|number|id)`)},
	{"K", words(`licen[cs]es?|dea|certificates?|npi`)},
	{"L", words(`vin|plate|vehicles?|auto_accident`)},
	{"P", words(`fingers?|fingerprints?|voice|retina|iris|biometrics?|signatures?|dna|genome`)},
	{"Q", words(`photos?|images?|pictures?|avatar|portrait|scans?|scanned|selfie|headshot|face|video|xray`)},
	{"B", words(`address(es)?[0-9]?|addr[0-9]?|streets?|city|town|village|county|zip[0-9]?|zipcode|postal|post_?code|lat|lng|lon|latitude|longitude|geo|geom|location|coordinates|district|census|tract|precinct|neighbou?rhood|borough`)},
	{"C", words(`do[bd]|birth(day|date)?|death|deceased|date|dates|time|timestamp|datetime|admission|admitted|discharged?|year|month|day|age|anniversary`)},
	{"C", regexp.MustCompile(`_(at|on|since|until)$`)},
	{"A", words(`(fore|sur|nick|user|maiden|full|first|last|middle|given|family)names?|names?|initials|guarantor|guardian|caregiver|spouse|mother|father|parent|child|sibling|husband|wife|next_of_kin|relatives?|emergency_contact|contacts?|employer|responsible_party|signee|(created|updated|signed|entered|ordered|acknowledged|reviewed|modified|deleted)_by|author|username|login|alias`)},
	{"R", words(`ids?|(patient|person|member|user|client|customer|chart|order|claim|visit|doctor|account|external|record)_?ids?|uuid|guid|key|numbers?|no|num|token|refs?|reference|barcode|accession|requisition|edi|hl7|trace|tracking|external|hash|sha(1|256)?|md5|checksum|digest|cookie|session|secret|password|passwd|pin|otp|slug|handle`)},
}

func words(alternatives string) *regexp.Regexp {
	return regexp.MustCompile(`(^|_)(` + alternatives + `)(_|$)`)
}

// insurers are who pays: their names and numbers are not the person's.
var insurers = regexp.MustCompile(`(^|_)(payer|payor|insurer)(_|$)`)

// of the insurer, and nothing more.
var insurersOwn = regexp.MustCompile(`(^|_)(payer|payor|insurer)(_payer)?(_(name|id))?$`)

// ClassOf is the class of identifiers that a column seems to hold by its name and type, or "". Keys and references are of class R
// whatever they are named, which only the whole database tells.
func ClassOf(col *catalog.Column) string {
	f := familyOf(col)
	if f == bools || f == enums {
		return "" // whatever of somebody they tell, it names nobody
	}
	class := classOfName(col.Name)
	switch {
	case f == dates || f == times:
		return "C"
	case class == "A" && (f == ints || f == numbers):
		return "" // no name is a number
	case class == "R" && col.Base == "int2":
		return "" // of a list: there are not enough for persons
	case class == "" && f == uuids:
		return "R"
	case class == "" && f == nets:
		return "O"
	}
	return class
}

func classOfName(name string) string {
	name = snake(name)
	if insurers.MatchString(name) && insurersOwn.MatchString(name) {
		return ""
	}
	for _, h := range hints {
		if h.name.MatchString(name) {
			return h.class
		}
	}
	return ""
}

// snake is a name in lower case with its words parted by underscores, however it was written: patientID2 is patient_id2.
func snake(name string) string {
	var b strings.Builder
	before := rune('_')
	letters := []rune(name)
	for i, r := range letters {
		switch {
		case !unicode.IsLetter(r) && !unicode.IsDigit(r):
			r = '_'
		case unicode.IsUpper(r) && before != '_' && (!unicode.IsUpper(before) || (i+1 < len(letters) && unicode.IsLower(letters[i+1]))):
			b.WriteRune('_')
		}
		if r != '_' || before != '_' {
			b.WriteRune(unicode.ToLower(r))
		}
		before = r
	}
	return strings.Trim(b.String(), "_")
}
