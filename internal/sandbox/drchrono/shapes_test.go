package drchrono_test

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"github.com/feel-august/terraform-provider-august/internal/sandbox/clinic"
	"github.com/feel-august/terraform-provider-august/internal/sandbox/drchrono"
)

// Every shape shows on the lists, in bulk and by id alike, and is the same every time.
func TestShapes(t *testing.T) {
	for shape, marks := range map[drchrono.Shape][]string{
		drchrono.ShapeFields:   {`"x_new_in_2027":\{`, `"x_last":""`},
		drchrono.ShapeEnums:    {`"billing_status":"Newly Invented Status"`},
		drchrono.ShapeIDs:      {`"id":"\d+"`, `"id":\d+`, `"appointment":\d+`, `"patient":"\d+"`},
		drchrono.ShapeDecimals: {`"billed":\d+\.\d\d,`, `"billed":"\d+\.\d\d00"`, `"price":\d+(\.\d)?,`, `"billed":null`, `"price":""`, `"billed":"\d+\.\d\d"`},
		drchrono.ShapeTimes:    {`"updated_at":"[-\d]{10} `, `T[:\d]{8}\.000"`, `T[:\d]{8}\+00:00"`, `T[:\d]{8}Z"`, `"0000-00-00"`, `"not yet"`, `"2026-02-30T25:61:00"`},
	} {
		t.Run(string(shape), func(t *testing.T) {
			r := newRig(t)
			r.server.Set(func(s *drchrono.Settings) { s.Shapes = []drchrono.Shape{shape} })
			status, _, body := r.do("GET", "/api/line_items?page_size=250", nil)
			if status != 200 || !json.Valid(body) {
				t.Fatalf("%d %.200s", status, body)
			}
			for _, mark := range marks {
				if !regexp.MustCompile(mark).Match(body) {
					t.Errorf("no line item has %s", mark)
				}
			}
			id := r.json("POST", "/api/line_items_list?page_size=250", nil, 201)["uuid"].(string)
			r.get("/api/line_items_list?uuid="+id, 200)
			_, _, bulk := r.do("GET", "/api/line_items_list?uuid="+id, nil)
			for _, row := range r.clinic.View(clinic.LineItems, 0)[:250] {
				want := string(drchrono.Reshape(row.Body, []drchrono.Shape{shape}))
				if _, _, one := r.do("GET", "/api/line_items/"+row.Key(), nil); string(one) != want || !strings.Contains(string(body), want) || !strings.Contains(string(bulk), want) {
					t.Fatalf("not the same everywhere: %s", one)
				}
			}
		})
	}
	plain := []byte(`{"id":1,"a":"b"}`)
	if got := string(drchrono.Reshape(plain, nil)); got != string(plain) {
		t.Error(got)
	}
}
