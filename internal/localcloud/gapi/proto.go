package gapi

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// Verb splits Google's custom verb off the last segment of a path: "x:addVersion".
func Verb(segment string) (name, verb string) {
	name, verb, _ = strings.Cut(segment, ":")
	return name, verb
}

// ReadProto decodes a request's body into m, as opts say. An empty body leaves m as it is.
func ReadProto(r *http.Request, m proto.Message, opts protojson.UnmarshalOptions) error {
	body, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, maxBody))
	if tooLong := (*http.MaxBytesError)(nil); errors.As(err, &tooLong) {
		return Invalid("Request body is longer than %d bytes.", tooLong.Limit)
	} else if err != nil {
		return Invalid("Request body: %v", err)
	}
	if len(body) == 0 {
		return nil
	}
	if err := opts.Unmarshal(body, m); err != nil {
		// Not the parser's words: they may quote a payload.
		return Invalid("Request body is not a valid %s.", m.ProtoReflect().Descriptor().Name())
	}
	return nil
}

// Answer encodes m as the request wants it: official clients ask for enums as numbers.
func Answer(r *http.Request, m proto.Message) (any, error) {
	opts := protojson.MarshalOptions{UseEnumNumbers: strings.Contains(r.URL.Query().Get("$alt"), "enum-encoding=int")}
	out, err := opts.Marshal(m)
	return json.RawMessage(out), err
}

// RawProto is m as it is kept in a document of JSON.
func RawProto(m proto.Message) json.RawMessage {
	out, err := protojson.Marshal(m)
	if err != nil {
		panic(err) // a message made of our own fields always has a JSON form
	}
	return out
}

// PageOf cuts a list as a request's pageSize and pageToken say.
func PageOf[T any](r *http.Request, all []T) (cut []T, next string, err error) {
	size := 0
	if s := r.URL.Query().Get("pageSize"); s != "" {
		if size, err = strconv.Atoi(s); err != nil {
			return nil, "", Invalid("pageSize %q is not a count.", s)
		}
	}
	return Page(all, size, r.URL.Query().Get("pageToken"))
}

// Page cuts a list; the token is the offset to go on from, and no size is no limit.
func Page[T any](all []T, size int, token string) (cut []T, next string, err error) {
	if size < 0 {
		return nil, "", Invalid("pageSize %d is not a count.", size)
	}
	if size == 0 {
		size = len(all)
	}
	from := 0
	if token != "" {
		if from, err = strconv.Atoi(token); err != nil || from < 0 || from > len(all) {
			return nil, "", Invalid("pageToken is not valid.")
		}
	}
	to := from + min(size, len(all)-from)
	if to < len(all) {
		next = strconv.Itoa(to)
	}
	return all[from:to], next, nil
}
