package drchrono

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"sort"
	"strconv"
	"strings"

	"github.com/feel-august/terraform-provider-august/internal/sandbox/clinic"
)

// api checks who calls, counts the call and finds the endpoint.
func (s *Server) api(w http.ResponseWriter, r *http.Request) {
	drain(r)
	path := strings.TrimPrefix(r.URL.Path, "/api/")
	name, rest, _ := strings.Cut(path, "/")
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	settings := s.Settings()
	if !ok {
		w.Header().Set("WWW-Authenticate", `Bearer realm="api"`)
		refuse(w, http.StatusUnauthorized, "Authentication credentials were not provided.")
		return
	}
	g, ok := s.oauth.check(token, settings)
	a := s.apps[g.Client]
	if !ok || a == nil {
		w.Header().Set("WWW-Authenticate", `Bearer realm="api"`)
		refuse(w, http.StatusUnauthorized, "Invalid token.")
		return
	}
	if wait, ok := a.throttle.take(s.clock(), settings); !ok {
		a.count(name, http.StatusTooManyRequests)
		throttled(w, wait, settings)
		return
	}
	rec := &recorder{ResponseWriter: w, status: http.StatusOK}
	s.dispatch(rec, r, a, g, name, rest)
	a.count(name, rec.status)
}

func (s *Server) dispatch(w http.ResponseWriter, r *http.Request, a *app, g grant, name, rest string) {
	if accept := r.Header.Get("Accept"); strings.Contains(accept, "text/html") && !strings.Contains(accept, "json") {
		html(w)
		return
	}
	base, bulk := strings.CutSuffix(name, "_list")
	e := endpoints[base]
	if e == nil || (bulk && !e.bulk) || strings.Contains(rest, "/") {
		refuse(w, http.StatusNotFound, "Not found.")
		return
	}
	if !allows(g.Scope, e.scopes) {
		refuse(w, http.StatusForbidden, "You do not have permission to perform this action.")
		return
	}
	q := r.URL.Query()
	number := 1
	if cur, err := parseCursor(q.Get("cursor")); err == nil {
		number = max(1, cur.page)
	}
	if n, err := strconv.Atoi(q.Get("page")); bulk && err == nil {
		number = n
	}
	serve := func(w http.ResponseWriter) { s.serve(w, r, a, e, base, rest, bulk) }
	if f := s.fault(early, a.ClientID, name, number); f != nil && s.inject(w, r, f, serve) {
		return
	}
	serve(w)
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request, a *app, e *endpoint, base, rest string, bulk bool) {
	read := r.Method == http.MethodGet || r.Method == http.MethodHead
	switch {
	case bulk && rest == "" && slices.Contains(s.Settings().BulkDirect, base+"_list") && (r.Method == http.MethodPost || r.URL.Query().Has("cursor")):
		s.list(w, r, a, e, base+"_list")
	case bulk && rest == "" && r.Method == http.MethodPost:
		s.submit(w, r, a, e, base)
	case bulk && rest == "" && read:
		s.poll(w, r, a, base)
	case !bulk && !read:
		refuse(w, http.StatusMethodNotAllowed, fmt.Sprintf("Method %q not allowed.", r.Method))
	case bulk || (e.noID && rest != ""):
		refuse(w, http.StatusNotFound, "Not found.")
	case rest == "":
		s.list(w, r, a, e, base)
	case base == "users" && rest == "current":
		s.current(w, r, a)
	default:
		s.object(w, r, a, e, rest)
	}
}

// current redirects to the user whose token it is: the first, in the sandbox.
func (s *Server) current(w http.ResponseWriter, r *http.Request, a *app) {
	users := a.Clinic.View(clinic.Users, 0)
	w.Header().Set("Location", origin(r)+"/api/users/"+users[0].Key())
	w.WriteHeader(http.StatusFound)
}

func (s *Server) object(w http.ResponseWriter, r *http.Request, a *app, e *endpoint, id string) {
	row, ok := a.Clinic.Find(e.kind, id, s.Settings().lag())
	if !ok {
		refuse(w, http.StatusNotFound, "Not found.")
		return
	}
	send(w, http.StatusOK, Reshape(e.append(nil, row, truthy(r.URL.Query().Get("verbose"))), s.Settings().Shapes))
}

// list answers one page.
func (s *Server) list(w http.ResponseWriter, r *http.Request, a *app, e *endpoint, name string) {
	q, settings := r.URL.Query(), s.Settings()
	cur, err := parseCursor(q.Get("cursor"))
	if err != nil {
		refuse(w, http.StatusNotFound, "Invalid cursor")
		return
	}
	rows, bad := e.selected(q, a.Clinic, settings, e.order, strings.HasSuffix(name, "_list"))
	if bad != nil {
		invalid(w, bad.field, bad.message)
		return
	}
	verbose := truthy(q.Get("verbose"))
	size := settings.pageSize(name, q.Get("page_size"), verbose)
	from, to := cur.window(rows, e.order, size)
	next, previous := "null", "null"
	if to < len(rows) {
		next = link(r, q, cursor{page: cur.page + 1, value: e.order.Value(rows[to-1]), id: rows[to-1].ID, sub: rows[to-1].Sub})
	}
	if from > 0 && from < len(rows) {
		previous = link(r, q, cursor{page: max(0, cur.page-1), back: true, value: e.order.Value(rows[from]), id: rows[from].ID, sub: rows[from].Sub})
	}
	shown := rows[from:to]
	if f := s.fault(duringPage, a.ClientID, name, cur.page); f != nil {
		shown = f.rowsOf(rows, from, to)
		if f.Kind == FaultCircle && cur.page > 1 { // to the page after the first, which was read before
			at := rows[min(size, len(rows))-1]
			next = link(r, q, cursor{page: 2, value: e.order.Value(at), id: at.ID, sub: at.Sub})
		}
	}
	body := make([]byte, 0, 1024*len(shown)+512)
	body = append(body, `{"previous":`...)
	body = append(body, previous...)
	body = append(body, `,"`...)
	envelope := settings.Envelope
	if name == "line_item_deletions" || envelope == "" {
		envelope = "results"
	}
	body = append(body, envelope...)
	body = append(body, `":[`...)
	body = e.appendAll(body, shown, verbose, settings)
	body = append(body, `],"next":`...)
	body = append(body, next...)
	body = append(body, '}')
	send(w, http.StatusOK, body)
}

// cursor is a place between two rows of an order. It holds on when rows come and go.
type cursor struct {
	page  int
	back  bool // the page before the place, not after it
	value int64
	id    int64
	sub   string
}

// window is the page's slice of rows.
func (c cursor) window(rows []*clinic.Row, by clinic.Order, size int) (from, to int) {
	if c.id == 0 {
		return 0, min(size, len(rows))
	}
	at := sort.Search(len(rows), func(i int) bool {
		v := by.Value(rows[i])
		switch {
		case v != c.value:
			return v > c.value
		case rows[i].ID != c.id:
			return rows[i].ID > c.id
		case c.back:
			return rows[i].Sub >= c.sub
		}
		return rows[i].Sub > c.sub
	})
	if c.back {
		return max(0, at-size), at
	}
	return at, min(at+size, len(rows))
}

func (c cursor) String() string {
	way := "n"
	if c.back {
		way = "b"
	}
	return base64.URLEncoding.EncodeToString(fmt.Appendf(nil, "%d.%s.%d.%d.%s", c.page, way, c.value, c.id, c.sub))
}

func parseCursor(s string) (cursor, error) {
	if s == "" {
		return cursor{page: 1}, nil
	}
	raw, err := base64.URLEncoding.DecodeString(s)
	if err != nil {
		return cursor{}, err
	}
	part := strings.SplitN(string(raw), ".", 5)
	if len(part) != 5 || (part[1] != "n" && part[1] != "b") {
		return cursor{}, fmt.Errorf("a cursor has five parts")
	}
	c := cursor{back: part[1] == "b", sub: part[4]}
	if c.page, err = strconv.Atoi(part[0]); err != nil {
		return cursor{}, err
	}
	if c.value, err = strconv.ParseInt(part[2], 10, 64); err != nil {
		return cursor{}, err
	}
	if c.id, err = strconv.ParseInt(part[3], 10, 64); err != nil {
		return cursor{}, err
	}
	if c.id <= 0 {
		return cursor{}, fmt.Errorf("a cursor has an id")
	}
	return c, nil
}

// link is the absolute URL of another page: every parameter of this one, and the cursor. It comes
// back as JSON.
func link(r *http.Request, q url.Values, c cursor) string {
	next := url.Values{}
	for k, v := range q {
		next[k] = v
	}
	next.Set("cursor", c.String())
	return strconv.Quote(origin(r) + r.URL.Path + "?" + next.Encode())
}

func origin(r *http.Request) string {
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	return scheme + "://" + r.Host
}
