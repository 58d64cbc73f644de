// Package gapi is how Google's JSON APIs answer: error bodies, decoding, paging and the naming of
// things, shared by every face of the local cloud.
package gapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
)

// maxBody bounds a request body; Google's own limit for these APIs is 10 MB.
const maxBody = 10 << 20

// Error is a failure as a Google API reports it.
type Error struct {
	Code    int    // HTTP status
	Status  string // google.rpc code name: NOT_FOUND
	Reason  string // legacy reason, which Cloud SQL's clients read: instanceDoesNotExist
	Message string
}

func (e *Error) Error() string { return fmt.Sprintf("%d %s: %s", e.Code, e.Status, e.Message) }

// Errorf makes an Error. The reason may be empty; it then follows from the status.
func Errorf(code int, status, reason, format string, args ...any) *Error {
	return &Error{Code: code, Status: status, Reason: reason, Message: fmt.Sprintf(format, args...)}
}

// NotFound is 404.
func NotFound(format string, args ...any) *Error {
	return Errorf(http.StatusNotFound, "NOT_FOUND", "notFound", format, args...)
}

// Invalid is 400.
func Invalid(format string, args ...any) *Error {
	return Errorf(http.StatusBadRequest, "INVALID_ARGUMENT", "invalid", format, args...)
}

// Precondition is 400 FAILED_PRECONDITION.
func Precondition(format string, args ...any) *Error {
	return Errorf(http.StatusBadRequest, "FAILED_PRECONDITION", "failedPrecondition", format, args...)
}

// Exists is 409 ALREADY_EXISTS.
func Exists(format string, args ...any) *Error {
	return Errorf(http.StatusConflict, "ALREADY_EXISTS", "alreadyExists", format, args...)
}

// WriteError answers with err in Google's error envelope; an error of another kind becomes a 500.
func WriteError(w http.ResponseWriter, err error) {
	var e *Error
	if !errors.As(err, &e) {
		e = Errorf(http.StatusInternalServerError, "INTERNAL", "internalError", "%v", err)
	}
	reason := e.Reason
	if reason == "" {
		reason = e.Status
	}
	WriteJSON(w, e.Code, map[string]any{"error": map[string]any{
		"code":    e.Code,
		"message": e.Message,
		"status":  e.Status,
		"errors":  []map[string]any{{"domain": "global", "reason": reason, "message": e.Message}},
	}})
}

// WriteJSON answers with v.
func WriteJSON(w http.ResponseWriter, code int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	w.WriteHeader(code)
	_, _ = w.Write(append(body, '\n')) // the client is gone: nothing to tell it
}

// ReadJSON decodes the request's body into v. An empty body leaves v as it is.
func ReadJSON(r *http.Request, v any) error {
	body, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, maxBody))
	if err != nil {
		return Invalid("request body: %v", err)
	}
	if len(body) == 0 {
		return nil
	}
	if err := json.Unmarshal(body, v); err != nil {
		return Invalid("request body is not valid JSON for this method: %v", err)
	}
	return nil
}

// Handler is an HTTP handler that may fail; what it returns is its answer.
type Handler func(r *http.Request) (any, error)

// ServeHTTP answers 200 with the handler's value, or its error.
func (h Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	v, err := h(r)
	if err != nil {
		WriteError(w, err)
		return
	}
	if v == nil {
		v = struct{}{}
	}
	WriteJSON(w, http.StatusOK, v)
}
