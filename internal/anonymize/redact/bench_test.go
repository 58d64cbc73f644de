package redact_test

import (
	"strings"
	"testing"

	"github.com/feel-august/terraform-provider-august/internal/anonymize/identify"
	"github.com/feel-august/terraform-provider-august/internal/anonymize/redact"
)

// note is as ordinary as a synthetic one can be: names, dates and a telephone number, once each in a page.
var note = []byte(strings.TrimSpace(`
Patient presents today for follow up of type 2 diabetes and hypertension. She reports that she has been taking metformin 500 mg twice
daily with meals and lisinopril 10 mg once daily without side effects. Home glucose readings have been in the range of 110 to 140 fasting.
She denies chest pain, shortness of breath, palpitations, headache or blurred vision. She has been walking thirty minutes most days of the
week and has lost 4 pounds since her last visit on 03/14/2026. Marisol asks about changing to a once weekly injection. Diet reviewed in
detail, including portion sizes and limiting sugar sweetened drinks.

Exam: BP 128/76, pulse 72, temp 98.4F, weight 182 lb. Well appearing, no distress. Lungs clear to auscultation bilaterally. Heart regular
rate and rhythm without murmur. Feet without ulceration, monofilament sensation intact, pulses 2+ throughout. Labs reviewed: A1c 7.1%,
creatinine 0.9, LDL 88, urine microalbumin normal.

Assessment and plan: Diabetes, improved and close to goal. Continue metformin, consider weekly therapy at the next visit if A1c is not
below seven. Hypertension controlled on current medication, continue. Hyperlipidemia at goal on atorvastatin. Annual eye exam due, referral
placed to Dr. Quillfeather. Call 512-555-0142 with readings above 250. Return in three months with fasting labs one week before.`))

func BenchmarkText(b *testing.B) {
	set := identify.New(4 << 20)
	for a := range 26 {
		for c := range 26 * 26 {
			set.Add(identify.Name, []byte{byte('a' + a), 'q', byte('a' + c%26), 'x', byte('a' + c/26)})
		}
	}
	r := redact.New(redact.Options{Names: func(w []byte) bool { return set.Has(identify.Name, w) }, Words: []string{"Feel August Clinic"}, AsOf: asOf})
	plain := []byte(strings.NewReplacer("Marisol", "She", "03/14/2026", "Monday", "512-555-0142", "us", "Dr. Quillfeather", "ophthalmology", "128/76", "high").Replace(string(note)))
	for _, c := range []struct {
		name string
		text []byte
	}{{"note", note}, {"nothing", plain}} {
		b.Run(c.name, func(b *testing.B) {
			o := person()
			dst := make([]byte, 0, 2*len(note))
			b.SetBytes(int64(len(c.text)))
			b.ReportAllocs()
			for b.Loop() {
				dst = r.Text(dst[:0], c.text, o)
			}
		})
	}
}
