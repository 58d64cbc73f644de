package dataset

import "testing"

// A policy's constant for bytea may be empty, which PostgreSQL takes as well.
func TestBlob(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{"": "", `\x`: "", `\x6162`: "ab"} {
		if got, err := blob(nil, []byte(text)); err != nil || string(got) != want {
			t.Errorf("%q is %q, %v", text, got, err)
		}
	}
	for _, text := range []string{"ab", `\x6`, `\xzz`, `\`} {
		if got, err := blob(nil, []byte(text)); err == nil {
			t.Errorf("%q is %q", text, got)
		}
	}
}
