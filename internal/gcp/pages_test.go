package gcp

import (
	"context"
	"slices"
	"testing"

	"google.golang.org/api/googleapi"
)

func TestPages(t *testing.T) {
	t.Parallel()
	var asked []string
	throttled := true
	pages := func(_ context.Context, token string) ([]int, string, error) {
		asked = append(asked, token)
		switch token {
		case "":
			return []int{1, 2}, "a", nil
		case "a": // an empty page is not the end
			if throttled {
				throttled = false
				return nil, "", &googleapi.Error{Code: 429}
			}
			return nil, "b", nil
		case "b":
			return []int{3}, "c", nil
		}
		return nil, "", &googleapi.Error{Code: 403}
	}
	collect := func(most int) (got []int, failed error) {
		for n, err := range Pages(t.Context(), pages) {
			if failed = err; err == nil {
				got = append(got, n)
			}
			if len(got) == most {
				break
			}
		}
		return got, failed
	}
	if got, err := collect(2); !slices.Equal(got, []int{1, 2}) || err != nil || len(asked) != 1 {
		t.Errorf("%v, %v, with pages %q", got, err, asked)
	}
	if got, err := collect(9); !slices.Equal(got, []int{1, 2, 3}) || KindOf(err) != Denied {
		t.Errorf("%v, %v", got, err)
	}
	if want := []string{"", "", "a", "a", "b", "c"}; !slices.Equal(asked, want) {
		t.Errorf("pages %q, want %q", asked, want)
	}
}
