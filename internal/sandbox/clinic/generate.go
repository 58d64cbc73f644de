package clinic

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"sort"
	"strconv"
)

// gen makes one practice. It runs once, before anyone else holds the clinic.
type gen struct {
	c       *Clinic
	r       *rand.Rand
	end     int64 // midnight of the last day: nothing generated was touched later
	idBase  int64 // practices of different seeds share no ids
	ids     map[Kind]int64
	scratch bytes.Buffer
	encoder *json.Encoder
	arena   []byte

	doctors  []int64
	offices  []int64
	patients []*person
	cases    int // claim cases handed out so far
	remits   map[string]*remit
	order    []*remit // remits in the order they came up
}

// person is what the generator remembers of a patient.
type person struct {
	id                 int64
	first, last        string
	birth, gender      string
	doctor, office     int64
	profile            string // patient_payment_profile
	primary, secondary *policy
	canary             bool
}

type policy struct {
	payer  payer
	member string
}

type payer struct{ name, id string }

func generate(c *Clinic, size Size) {
	patients := size.Patients
	g := &gen{
		c: c, r: rand.New(rand.NewPCG(c.seed, 0x617567757374)), end: c.today.Unix(), //nolint:gosec // made-up data, the same for the same seed
		ids: map[Kind]int64{}, remits: map[string]*remit{},
	}
	if c.seed > 1 {
		g.idBase = int64((c.seed-1)%90) * 100_000_000
	}
	g.encoder = json.NewEncoder(&g.scratch)
	g.encoder.SetEscapeHTML(false)
	g.staff(patients)
	g.people(patients)
	g.visits(patients)
	g.eobs()
	g.labs(patients, cmp.Or(size.LabOrders, patients*3/4))
	for k, t := range c.tables {
		if !sort.SliceIsSorted(t.rows, func(i, j int) bool { return t.rows[i].less(t.rows[j]) }) {
			sort.Slice(t.rows, func(i, j int) bool { return t.rows[i].less(t.rows[j]) })
		}
		c.nextID[k] = max(g.ids[k], firstID[k]+g.idBase)
	}
}

// firstID keeps the kinds' ids apart, so that mixing two up shows.
var firstID = map[Kind]int64{
	Users: 10_000, Doctors: 30_000, Offices: 40_000, Sublabs: 50_000, Patients: 5_000_000, Appointments: 7_000_000,
	LineItems: 9_100_000, LineItemDeletions: 9_900_000, Transactions: 20_000_000, PatientPayments: 30_000_000,
	PatientPaymentLog: 31_000_000, ClaimBillingNotes: 32_000_000, EOBs: 33_000_000, EligibilityChecks: 34_000_000,
	LabOrders: 40_000_000, LabTests: 41_000_000, LabResults: 42_000_000, LabDocuments: 43_000_000,
	PatientLabResults: 44_000_000,
}

func (g *gen) id(k Kind) int64 {
	if g.ids[k] == 0 {
		g.ids[k] = firstID[k] + g.idBase
	}
	g.ids[k]++
	return g.ids[k]
}

// emit encodes an object, with its verbose fields if it has any, and puts it at the end of its table.
func (g *gen) emit(k Kind, v any, extra any) *Row {
	body := g.bytes(v)
	var more []byte
	if extra != nil {
		more = g.bytes(extra)
		more[0] = ','
		more = more[:len(more)-1]
	}
	r := makeRow(k, body, more)
	t := g.c.tables[k]
	t.rows = append(t.rows, r)
	return r
}

func (g *gen) bytes(v any) []byte {
	g.scratch.Reset()
	if err := g.encoder.Encode(v); err != nil {
		panic(fmt.Sprintf("clinic: %v", err)) // our own types
	}
	b := bytes.TrimSuffix(g.scratch.Bytes(), []byte{'\n'})
	if cap(g.arena)-len(g.arena) < len(b) {
		g.arena = make([]byte, 0, max(1<<18, len(b)))
	}
	start := len(g.arena)
	g.arena = append(g.arena, b...)
	return g.arena[start:len(g.arena):len(g.arena)]
}

func (g *gen) chance(percent float64) bool { return g.r.Float64()*100 < percent }

func pick[T any](g *gen, from []T) T { return from[g.r.IntN(len(from))] }

// weighted picks an index by weight.
func (g *gen) weighted(weights []int) int {
	total := 0
	for _, w := range weights {
		total += w
	}
	n := g.r.IntN(total)
	for i, w := range weights {
		if n < w {
			return i
		}
		n -= w
	}
	return len(weights) - 1
}

// past is a moment between two, inside office hours and never after the end of history.
func (g *gen) past(from, to int64) int64 {
	to = min(to, g.end)
	if from >= to {
		return to - 1 - g.r.Int64N(3600)
	}
	d := from + g.r.Int64N(to-from)
	return min(d-d%day+8*3600+g.r.Int64N(10*3600), g.end-1-g.r.Int64N(600))
}

func money(cents int64) string {
	b := make([]byte, 0, 16)
	if cents < 0 {
		b, cents = append(b, '-'), -cents
	}
	b = strconv.AppendInt(b, cents/100, 10)
	return string(append(b, '.', byte('0'+cents/10%10), byte('0'+cents%10)))
}
