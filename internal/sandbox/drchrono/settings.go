package drchrono

import (
	"fmt"
	"slices"
	"strconv"
	"time"
)

// Settings are the switches that stay as they are set. Change them with Server.Set or
// `POST /_sandbox/settings`, which takes any of the fields.
type Settings struct {
	// Rotate makes every refresh return a new refresh token and kill the old one.
	Rotate bool `json:"rotate_refresh_tokens"`
	// AccessTokenSeconds is how long an access token lives.
	AccessTokenSeconds int `json:"access_token_seconds"`
	// FreshTokenMillis is how long a new access token is answered 401 before the API knows it.
	FreshTokenMillis int `json:"fresh_token_millis"`
	// RefreshUnsaid leaves the refresh token out of the answer when it did not rotate.
	RefreshUnsaid bool `json:"refresh_unsaid"`
	// DenyAuthorize makes the authorize page answer error=access_denied.
	DenyAuthorize bool `json:"deny_authorize"`

	// PerHour is the number of calls an application may make in a clock hour. 0 = no limit.
	PerHour int `json:"per_hour"`
	// HourMillis makes that hour shorter, counted from the epoch as the clock hour is. 0 = an hour.
	HourMillis int `json:"hour_millis"`
	// PerSecond is the number of calls inside one second that trips the short throttle: with 10, nine
	// pass and the tenth is refused. 0 = no limit.
	PerSecond int `json:"per_second"`
	// PerTenMinutes is the number of calls in any ten minutes, a limit that is reported but not
	// documented (about 290). 0 = no limit.
	PerTenMinutes int `json:"per_ten_minutes"`
	// WaitUnsaid leaves the time out of the text of 429.
	WaitUnsaid bool `json:"wait_unsaid"`
	// RetryAfter adds the Retry-After header to 429, which DrChrono is not known to send.
	RetryAfter bool `json:"retry_after"`
	// Hot counts refused calls too, so that hammering prolongs the throttle.
	Hot bool `json:"refused_calls_count"`

	// Envelope is the name of a list's array: "results", or "data" as in the OpenAPI document.
	Envelope string `json:"envelope"`
	// PageCaps set an endpoint's largest page.
	PageCaps map[string]int `json:"page_caps"`
	// WideRangeEmpty answers a date_range over 190 days with an empty 200 instead of 400.
	WideRangeEmpty bool `json:"wide_range_empty"`
	// ReadLagMillis is how far lists and reads trail behind edits.
	ReadLagMillis int `json:"read_lag_millis"`

	// BulkPolls is how many polls of a bulk request answer "In progress".
	BulkPolls int `json:"bulk_polls"`
	// BulkMillis is how long a bulk request stays "In progress" whatever the polls.
	BulkMillis int `json:"bulk_millis"`
	// BulkNoPagination lists bulk endpoints that answer without the pagination object.
	BulkNoPagination []string `json:"bulk_no_pagination"`
	// BulkRepeats gives the last page again for pages past the end of those lists, not an empty one.
	BulkRepeats bool `json:"bulk_repeats"`
	// BulkDirect lists bulk endpoints that answer at once, in pages with a cursor.
	BulkDirect []string `json:"bulk_direct"`
	// BulkCompleted writes the final status as "Completed" instead of "Complete".
	BulkCompleted bool `json:"bulk_completed"`

	// WebhookSpeedup makes the waits before a delivery is tried again shorter by this factor. 0 = 1.
	WebhookSpeedup float64 `json:"webhook_speedup"`
	// WebhookTimeoutMillis is how long a delivery waits for its answer; nothing is documented. 0 = 10 s.
	WebhookTimeoutMillis int `json:"webhook_timeout_millis"`
	// WebhookDuplicates is the share of deliveries that come twice, from 0 to 1.
	WebhookDuplicates float64 `json:"webhook_duplicates"`
	// WebhookLose is the share of events that are never delivered, from 0 to 1.
	WebhookLose float64 `json:"webhook_lose"`
	// WebhookShuffleMillis holds each delivery back by chance, for at most so long, so that they overtake each other.
	WebhookShuffleMillis int `json:"webhook_shuffle_millis"`
	// WebhookKeepID gives a delivery that is tried again, or sent again, its first id. Nothing is documented.
	WebhookKeepID bool `json:"webhook_keep_id"`

	// Shapes are the ways in which objects differ from the documents.
	Shapes []Shape `json:"shapes"`
}

// DefaultSettings is the documented API, in the stricter reading where reports disagree.
func DefaultSettings() Settings {
	return Settings{Rotate: true, AccessTokenSeconds: 172800, PerHour: 500, PerSecond: 10, Envelope: "results", BulkPolls: 1}
}

// Settings returns the switches as they are.
func (s *Server) Settings() Settings {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.settings
}

// Set changes switches.
func (s *Server) Set(change func(*Settings)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.settings)
}

// check names a setting that nothing knows.
func (s Settings) check() error {
	for _, shape := range s.Shapes {
		if !slices.Contains(Shapes(), shape) {
			return fmt.Errorf("shapes: %q is none of %v", shape, Shapes())
		}
	}
	if s.Envelope != "" && s.Envelope != "results" && s.Envelope != "data" {
		return fmt.Errorf("envelope: %q is neither results nor data", s.Envelope)
	}
	for name, share := range map[string]float64{"webhook_duplicates": s.WebhookDuplicates, "webhook_lose": s.WebhookLose} {
		if share < 0 || share > 1 {
			return fmt.Errorf("%s: %v is not between 0 and 1", name, share)
		}
	}
	if s.WebhookSpeedup < 0 {
		return fmt.Errorf("webhook_speedup: %v is below 0", s.WebhookSpeedup)
	}
	return nil
}

func (s Settings) lag() time.Duration { return time.Duration(s.ReadLagMillis) * time.Millisecond }

// hour is the length of the hour that PerHour is for.
func (s Settings) hour() time.Duration {
	if s.HourMillis > 0 {
		return time.Duration(s.HourMillis) * time.Millisecond
	}
	return time.Hour
}

// pageSize is the page a list answers with: what was asked for, within the endpoint's cap.
func (s Settings) pageSize(endpoint, asked string, verbose bool) int {
	limit := 250
	switch endpoint {
	case "appointments":
		limit = 20
	case "patients_summary":
		return min(50, limit)
	}
	if verbose {
		limit = min(limit, 50)
	}
	if c, ok := s.PageCaps[endpoint]; ok {
		limit = c
	}
	n, err := strconv.Atoi(asked)
	if err != nil || n < 1 || n > limit {
		return limit
	}
	return n
}

func (s Settings) pagination(endpoint string) bool {
	return !slices.Contains(s.BulkNoPagination, endpoint)
}
