package storage

import (
	"encoding/base64"
	"net/http"
	"slices"
	"strings"

	"github.com/feel-august/terraform-provider-august/internal/localcloud/gapi"
)

// beyond sorts after whatever a prefix begins: no name has this byte.
const beyond = "\xff"

// listing is what a list of objects was asked for, and what of it was found.
type listing struct {
	prefix, delimiter string
	from, to          string // names from one on, and before the other when it is not empty
	trailing          bool   // what ends in the delimiter is an object, too
	versions          bool
	size              int

	items    []*object
	prefixes []string
	next     string // token
}

// unplayed are parameters that ask for what is not there.
var unplayed = []string{"matchGlob", "filter"}

func newListing(r *http.Request) (*listing, error) {
	q := r.URL.Query()
	l := &listing{
		prefix: q.Get("prefix"), delimiter: q.Get("delimiter"), from: q.Get("startOffset"), to: q.Get("endOffset"),
		trailing: flag(q, "includeTrailingDelimiter"), versions: flag(q, "versions"),
	}
	for _, name := range unplayed {
		if q.Get(name) != "" {
			return nil, gapi.Invalid("The local cloud does not know the parameter %s of a list of objects.", name)
		}
	}
	var err error
	if l.size, err = maxResults(r); err != nil {
		return nil, err
	}
	if token := q.Get("pageToken"); token != "" {
		last, err := base64.RawURLEncoding.DecodeString(token)
		if err != nil {
			return nil, gapi.Invalid("Invalid argument: pageToken.")
		}
		l.from = max(l.from, string(last))
	}
	l.from = max(l.from, l.prefix)
	return l, nil
}

func (f *Face) listObjects(r *http.Request) (any, error) {
	l, err := newListing(r)
	if err != nil {
		return nil, err
	}
	f.mu.RLock()
	defer f.mu.RUnlock()
	b, err := f.bucket(r.PathValue("bucket"))
	if err != nil {
		return nil, err
	}
	if !flag(r.URL.Query(), "softDeleted") { // of which there are none
		l.run(b)
	}
	answer := map[string]any{"kind": "storage#objects"}
	if l.next != "" {
		answer["nextPageToken"] = l.next
	}
	if len(l.prefixes) > 0 {
		answer["prefixes"] = l.prefixes
	}
	if len(l.items) > 0 {
		items := make([]any, len(l.items))
		for i, o := range l.items {
			items[i] = b.show(r, o)
		}
		answer["items"] = items
	}
	return answer, nil
}

// run goes through the names in order. A page ends between names, so that all versions of one are on the same.
func (l *listing) run(b *bucket) {
	i, _ := slices.BinarySearch(b.names, l.from)
	for i < len(b.names) {
		name := b.names[i]
		if !strings.HasPrefix(name, l.prefix) || l.to != "" && name >= l.to {
			return
		}
		found := b.objects[name]
		if !l.versions {
			found = nil
			if o := live(b.objects[name]); o != nil {
				found = []*object{o}
			}
		}
		if len(found) == 0 {
			i++
			continue
		}
		if len(l.items)+len(l.prefixes) >= l.size {
			l.next = base64.RawURLEncoding.EncodeToString([]byte(name))
			return
		}
		folder, inside := l.folder(name)
		if !inside || l.trailing && name == folder {
			l.items = append(l.items, found...)
		}
		i++
		if inside {
			if n := len(l.prefixes); n == 0 || l.prefixes[n-1] != folder {
				l.prefixes = append(l.prefixes, folder)
			}
			i, _ = slices.BinarySearch(b.names, folder+beyond)
		}
	}
}

// folder is what stands in a list for all names below it.
func (l *listing) folder(name string) (string, bool) {
	if l.delimiter == "" {
		return "", false
	}
	rest := name[len(l.prefix):]
	i := strings.Index(rest, l.delimiter)
	if i < 0 {
		return "", false
	}
	return name[:len(l.prefix)+i+len(l.delimiter)], true
}
