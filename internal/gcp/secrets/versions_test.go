package secrets

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestToRetire(t *testing.T) {
	t.Parallel()
	all := Versions{{6, Enabled}, {5, Enabled}, {4, Disabled}, {3, Enabled}, {2, Enabled}, {1, Destroyed}}
	for _, tt := range []struct {
		name    string
		current int64
		keep    int
		inUse   []int64
		want    []int64
	}{
		{"one older stays", 6, 1, nil, []int64{3, 2}},
		{"two stay, and what is disabled does not count", 6, 2, nil, []int64{2}},
		{"all stay", 6, 9, nil, nil},
		{"none stays", 6, 0, nil, []int64{5, 3, 2}},
		{"the one in use comes first", 6, 1, []int64{2}, []int64{5, 3}},
		{"and is never retired", 6, 0, []int64{3}, []int64{5, 2}},
		{"newer ones are left alone", 5, 1, nil, []int64{2}},
		{"the current one is not older", 6, 1, []int64{6}, []int64{3, 2}},
	} {
		if got := all.ToRetire(tt.current, tt.keep, tt.inUse...); !slices.Equal(got, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}

// However often a value changes, and whatever is added by hand in between, the one that was in use before can be used, no
// more than keep older ones can, and nothing is left to retire.
func TestToRetire_rotations(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		keep := rapid.IntRange(1, 4).Draw(t, "keep")
		var all Versions
		var current int64
		for range rapid.IntRange(1, 12).Draw(t, "rotations") {
			for range rapid.IntRange(0, 2).Draw(t, "by hand") {
				all = slices.Insert(all, 0, Version{all.Latest() + 1, rapid.SampledFrom([]string{Enabled, Disabled, Destroyed}).Draw(t, "state")})
			}
			before := all.Latest()
			all = slices.Insert(all, 0, Version{before + 1, Enabled})
			inUse := current
			for _, number := range all.ToRetire(before+1, keep, inUse) {
				all[slices.IndexFunc(all, func(v Version) bool { return v.Number == number })].State = Disabled
			}
			current = before + 1
			if inUse > 0 && all.State(inUse) != Enabled {
				t.Fatalf("version %d was in use: %v", inUse, all)
			}
			if drift := all.Drift(current, keep); len(drift) > 0 {
				t.Fatalf("right after: %v in %v", drift, all)
			}
			older := slices.DeleteFunc(slices.Clone(all), func(v Version) bool { return v.State != Enabled || v.Number == current })
			if len(older) > keep {
				t.Fatalf("%d older ones can be used, of %d: %v", len(older), keep, all)
			}
		}
	})
}

func TestDrift(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		all     Versions
		current int64
		want    string
	}{
		{Versions{{2, Enabled}, {1, Enabled}}, 2, ""},
		{Versions{{3, Enabled}, {2, Enabled}}, 2, "version 3 is added after version 2"},
		{Versions{{4, Destroyed}, {3, Enabled}, {2, Enabled}}, 2, "versions 3, 4 are added after version 2"},
		{Versions{{2, Disabled}}, 2, "version 2 is disabled"},
		{Versions{{2, Destroyed}, {1, Enabled}}, 2, "version 2 is destroyed"},
		{Versions{}, 2, "version 2 is not there"},
		{Versions{{3, Enabled}, {2, Enabled}, {1, Enabled}}, 3, "version 1 is enabled, although no longer to be kept"},
	} {
		if got := strings.Join(tt.all.Drift(tt.current, 1), "; "); got != tt.want {
			t.Errorf("%v: %q, want %q", tt.all, got, tt.want)
		}
	}
}

func TestDigest(t *testing.T) {
	t.Parallel()
	value := []byte("0000")
	one, err := DigestOf(value)
	if err != nil {
		t.Fatal(err)
	}
	other, err := DigestOf(value)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := one.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	back := ParseDigest(raw)
	if !back.Matches(value) || back.Matches([]byte("0001")) || back.Matches(nil) {
		t.Errorf("%s matches wrongly", raw)
	}
	if bytes.Equal(one.Sum, other.Sum) {
		t.Error("equal values are seen to be equal")
	}
	if bytes.Contains(raw, value) {
		t.Errorf("%s holds the value", raw)
	}
	back.Format++
	for _, nothing := range []Digest{{}, back, ParseDigest(nil), ParseDigest([]byte("{")), ParseDigest([]byte(`{"format":1,"salt":"","sum":""}`))} {
		if nothing.Matches(value) || nothing.Matches(nil) {
			t.Errorf("%+v matches", nothing)
		}
	}
}

func TestParseID(t *testing.T) {
	t.Parallel()
	for id, want := range map[string]string{
		"coda-token": "/coda-token", "p/coda-token": "p/coda-token", "projects/p/secrets/coda-token": "p/coda-token",
		"": "", "/coda-token": "", "p/": "", "coda-token:3": "", "p/coda token": "", "projects/p/secrets/s/versions/1": "", "projects/p/topics/s": "",
		"projects/123456789012/secrets/coda-token": "", "123456789012/coda-token": "", // configurations name projects by their ids
	} {
		project, name, ok := ParseID(id)
		if got := project + "/" + name; ok != (want != "") || ok && got != want {
			t.Errorf("%q: %q, %t", id, got, ok)
		}
	}
}
