package drchrono

import (
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/feel-august/terraform-provider-august/internal/sandbox/clinic"
)

// job is one bulk request: the rows of its page as they stood when it was posted.
type job struct {
	name       string
	e          *endpoint
	rows       []*clinic.Row
	verbose    bool
	count      int
	page, size int
	posted     time.Time
	polls      int
	end        FaultKind // an injected one
	stuck      time.Duration
}

type jobs struct {
	mu  sync.Mutex
	all map[string]*job
}

const jobLife = time.Hour

// submit takes `POST /api/<x>_list`.
func (s *Server) submit(w http.ResponseWriter, r *http.Request, a *app, e *endpoint, base string) {
	q, settings, name := r.URL.Query(), s.Settings(), base+"_list"
	page, size := 1, 1000
	if v := q.Get("page"); v != "" {
		n, err := strconv.Atoi(v)
		if err != nil || n < 1 {
			invalid(w, "page", "Enter a whole number from 1.")
			return
		}
		page = n
	}
	if v := q.Get("page_size"); v != "" {
		n, err := strconv.Atoi(v)
		if err != nil || n < 1 {
			invalid(w, "page_size", "Enter a whole number from 1 to 1000.")
			return
		}
		size = min(n, 1000)
	}
	if c, ok := settings.PageCaps[name]; ok {
		size = min(size, c)
	}
	by := clinic.ByID
	switch order := q.Get("order_by"); {
	case order == "updated_at":
		by = clinic.ByUpdated
	case base == "appointments" && (order == "" || order == "scheduled_time"):
		by = clinic.ByDate
	case order != "" && order != "id":
		invalid(w, "order_by", fmt.Sprintf("%q is not a valid choice.", order))
		return
	}
	rows, bad := e.selected(q, a.Clinic, settings, by, true)
	if bad != nil {
		invalid(w, bad.field, bad.message)
		return
	}
	from := min((page-1)*size, len(rows))
	if from == len(rows) && from > 0 && settings.BulkRepeats {
		from = (len(rows) - 1) / size * size
	}
	shown := rows[from:min(from+size, len(rows))]
	if f := s.fault(duringPage, a.ClientID, name, page); f != nil {
		shown = f.rowsOf(rows, from, from+len(shown))
	}
	j := &job{name: name, e: e, rows: shown, verbose: truthy(q.Get("verbose")), count: len(rows), page: page, size: size, posted: s.clock()}
	if f := s.fault(async, a.ClientID, name, page); f != nil {
		j.end, j.stuck = f.Kind, jobLife
		if f.DelayMillis > 0 {
			j.stuck = time.Duration(f.DelayMillis) * time.Millisecond
		}
	}
	id := uuid.NewString()
	a.bulk.add(id, j)
	reply(w, http.StatusCreated, map[string]string{"status": "In progress", "uuid": id,
		"description": fmt.Sprintf("Use the link below to retrieve the result: %s/api/%s?uuid=%s", origin(r), name, id)})
}

func (js *jobs) add(id string, j *job) {
	js.mu.Lock()
	defer js.mu.Unlock()
	if js.all == nil {
		js.all = map[string]*job{}
	}
	for k, old := range js.all {
		if j.posted.Sub(old.posted) >= jobLife {
			delete(js.all, k)
		}
	}
	js.all[id] = j
}

// poll takes `GET /api/<x>_list?uuid=`.
func (s *Server) poll(w http.ResponseWriter, r *http.Request, a *app, base string) {
	id, settings, name := r.URL.Query().Get("uuid"), s.Settings(), base+"_list"
	if id == "" {
		invalid(w, "uuid", "This field is required.")
		return
	}
	a.bulk.mu.Lock()
	j := a.bulk.all[id]
	polls := 0
	if j != nil {
		j.polls++
		polls = j.polls
	}
	a.bulk.mu.Unlock()
	now := s.clock()
	if j == nil || j.name != name || now.Sub(j.posted) >= jobLife {
		refuse(w, http.StatusNotFound, "Invalid uuid specified")
		return
	}
	switch {
	case (j.end == FaultStuck && now.Sub(j.posted) < j.stuck) || polls <= settings.BulkPolls || now.Sub(j.posted) < time.Duration(settings.BulkMillis)*time.Millisecond:
		reply(w, http.StatusOK, map[string]string{"status": "In progress", "uuid": id})
	case j.end == FaultExpired:
		refuse(w, http.StatusNotFound, "Invalid uuid specified")
	case j.end == FaultAsync:
		reply(w, http.StatusInternalServerError, map[string]string{"status": "Error", "uuid": id, "detail": "Please submit the request again."})
	case j.end == FaultFailed:
		reply(w, http.StatusOK, map[string]string{"status": "Failed", "uuid": id})
	case j.end == FaultCanceled:
		reply(w, http.StatusOK, map[string]string{"status": "Canceled", "uuid": id})
	default:
		send(w, http.StatusOK, j.body(id, settings))
	}
}

func (j *job) body(id string, s Settings) []byte {
	status := "Complete"
	if s.BulkCompleted {
		status = "Completed"
	}
	body := make([]byte, 0, 1024*len(j.rows)+512)
	body = fmt.Appendf(body, `{"status":%q,"uuid":%q,`, status, id)
	if s.pagination(j.name) {
		body = fmt.Appendf(body, `"pagination":{"count":%d,"pages":%d,"page_size":%d,"page":%d},`, j.count, (j.count+j.size-1)/j.size, j.size, j.page)
	}
	body = append(body, `"results":[`...)
	body = j.e.appendAll(body, j.rows, j.verbose, s)
	return append(body, "]}"...)
}
