package cloudsql

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"reflect"
	"strconv"
	"strings"

	"github.com/feel-august/terraform-provider-august/internal/localcloud/gapi"
)

// document is a request body as it came: what is absent stays distinct from what is zero or null.
type document = map[string]any

// body reads the request's JSON object.
func (c *call) body() (document, error) {
	raw, err := io.ReadAll(io.LimitReader(c.Body, 10<<20))
	if err != nil {
		return nil, gapi.Invalid("request body: %v", err)
	}
	doc := document{}
	if len(bytes.TrimSpace(raw)) == 0 {
		return doc, nil
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if err := d.Decode(&doc); err != nil {
		return nil, gapi.Invalid("Invalid JSON payload received. %v", err)
	}
	return doc, nil
}

// decode reads doc into an API type the way Google's front end does: an unknown name is refused, an
// int64 may come as a number or a string, null is absent.
func decode[T any](doc document) (*T, error) {
	out := new(T)
	tidy, err := coerce(reflect.TypeFor[T](), doc, "")
	if err != nil {
		return nil, err
	}
	body, err := json.Marshal(tidy)
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(body, out); err != nil {
		return nil, gapi.Invalid("Invalid JSON payload received. %v", err)
	}
	return out, nil
}

func coerce(t reflect.Type, v any, path string) (any, error) {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch t.Kind() {
	case reflect.Struct:
		return coerceObject(t, v, path)
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			return v, nil // raw JSON
		}
		list, ok := v.([]any)
		if !ok {
			return nil, badValue(path, v)
		}
		out := make([]any, len(list))
		for n, item := range list {
			var err error
			if out[n], err = coerce(t.Elem(), item, fmt.Sprintf("%s[%d]", path, n)); err != nil {
				return nil, err
			}
		}
		return out, nil
	case reflect.Int64:
		if s, ok := v.(string); ok {
			return json.Number(s), checkInt(path, s)
		}
	case reflect.String:
		if n, ok := v.(json.Number); ok {
			return nil, badValue(path, n)
		}
	}
	return v, nil
}

func coerceObject(t reflect.Type, v any, path string) (any, error) {
	doc, ok := v.(document)
	if !ok {
		return nil, badValue(path, v)
	}
	fields := map[string]reflect.StructField{}
	for n := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(n).Tag.Get("json"), ",")
		fields[name] = t.Field(n)
	}
	out := document{}
	for name, value := range doc {
		field, ok := fields[name]
		if !ok || name == "-" || name == "" {
			where := ""
			if path != "" {
				where = fmt.Sprintf(" at '%s'", path)
			}
			return nil, gapi.Invalid("Invalid JSON payload received. Unknown name %q%s: Cannot find field.", name, where)
		}
		if value == nil {
			continue
		}
		at := strings.TrimPrefix(path+"."+name, ".")
		if strings.HasSuffix(field.Tag.Get("json"), ",string") && field.Type.Kind() == reflect.Int64 {
			s := fmt.Sprint(value)
			if err := checkInt(at, s); err != nil {
				return nil, err
			}
			out[name] = s
			continue
		}
		tidy, err := coerce(field.Type, value, at)
		if err != nil {
			return nil, err
		}
		out[name] = tidy
	}
	return out, nil
}

func checkInt(path, s string) error {
	if _, err := strconv.ParseInt(s, 10, 64); err != nil {
		return badValue(path, s)
	}
	return nil
}

func badValue(path string, v any) error {
	return gapi.Invalid("Invalid value at '%s', %q", path, fmt.Sprint(v))
}

// encode is the JSON object of an API value.
func encode(v any) document {
	body, err := json.Marshal(v)
	if err != nil {
		panic(err) // the API's own types always encode
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	doc := document{}
	if err := d.Decode(&doc); err != nil {
		panic(err)
	}
	return doc
}

// merge lays change over base: objects merge, everything else (arrays too) is replaced, null removes.
// Labels and the like merge by key, too.
func merge(base, change document) document {
	out := document{}
	maps.Copy(out, base)
	for name, value := range change {
		if value == nil {
			delete(out, name)
			continue
		}
		if inner, ok := value.(document); ok {
			under, _ := out[name].(document)
			out[name] = merge(under, inner)
			continue
		}
		out[name] = value
	}
	return out
}
