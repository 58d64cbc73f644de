package secrets

import (
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"cloud.google.com/go/iam/apiv1/iampb"
	"cloud.google.com/go/secretmanager/apiv1/secretmanagerpb"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/feel-august/terraform-provider-august/internal/localcloud/gapi"
)

var validID = regexp.MustCompile(`^[a-zA-Z0-9_-]{1,255}$`)

func (f *Face) create(r *http.Request) (any, error) {
	id := r.URL.Query().Get("secretId")
	if !validID.MatchString(id) {
		return nil, gapi.Invalid("Secret ID [%s] must match the pattern %s.", id, validID)
	}
	s := &secretmanagerpb.Secret{}
	if err := read(r, s); err != nil {
		return nil, err
	}
	if s.GetReplication().GetReplication() == nil {
		return nil, gapi.Invalid("The secret.replication field is required: automatic or userManaged.")
	}
	if um := s.GetReplication().GetUserManaged(); um != nil && len(um.GetReplicas()) == 0 {
		return nil, gapi.Invalid("The secret.replication.userManaged.replicas field needs a location at least.")
	}
	s.Name = secretName(r, id)
	s.CreateTime = now()
	s.Etag = newEtag()
	settleExpiry(s)

	f.mu.Lock()
	defer f.mu.Unlock()
	if _, err := f.secret(s.Name); err == nil {
		return nil, gapi.Exists("Secret [%s] already exists.", s.Name)
	}
	f.secrets[s.Name] = &secret{meta: s, policy: &iampb.Policy{}}
	if err := f.save(); err != nil {
		return nil, err
	}
	return gapi.Answer(r, s)
}

// settleExpiry turns the input-only ttl into the time that it means.
func settleExpiry(s *secretmanagerpb.Secret) {
	if ttl := s.GetTtl(); ttl != nil {
		s.Expiration = &secretmanagerpb.Secret_ExpireTime{ExpireTime: timestamppb.New(time.Now().Add(ttl.AsDuration()).Truncate(time.Microsecond))}
	}
}

func (f *Face) get(r *http.Request, name string) (any, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s, err := f.secret(name)
	if err != nil {
		return nil, err
	}
	return gapi.Answer(r, s.meta)
}

func (f *Face) list(r *http.Request) (any, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	match, err := filter(r.URL.Query().Get("filter"))
	if err != nil {
		return nil, err
	}
	var all []*secretmanagerpb.Secret
	for _, name := range f.names(parent(r) + "/secrets/") {
		s, err := f.secret(name)
		if err == nil && match(func(field string) (string, bool) { return secretField(s.meta, field) }) {
			all = append(all, s.meta)
		}
	}
	cut, next, err := gapi.PageOf(r, all)
	if err != nil {
		return nil, err
	}
	return gapi.Answer(r, &secretmanagerpb.ListSecretsResponse{Secrets: cut, NextPageToken: next, TotalSize: int32(len(all))}) //nolint:gosec // a count
}

func secretField(s *secretmanagerpb.Secret, field string) (string, bool) {
	if field == "name" {
		return s.GetName(), true
	}
	if key, ok := strings.CutPrefix(field, "labels."); ok {
		return s.GetLabels()[key], true
	}
	return "", false
}

// filter reads the part of Google's filter language that clients use here: terms "field:value"
// (contains) and "field=value", all of which must hold.
func filter(expr string) (func(get func(field string) (string, bool)) bool, error) {
	type term struct{ field, op, value string }
	var terms []term
	for word := range strings.FieldsSeq(expr) {
		if word == "AND" {
			continue
		}
		i := strings.IndexAny(word, ":=")
		if i <= 0 {
			return nil, gapi.Invalid("Filter term %q is not field:value or field=value.", word)
		}
		terms = append(terms, term{strings.ToLower(word[:i]), word[i : i+1], strings.Trim(word[i+1:], `"`)})
	}
	return func(get func(string) (string, bool)) bool {
		for _, t := range terms {
			got, known := get(t.field)
			if !known || t.op == "=" && got != t.value || t.op == ":" && !strings.Contains(got, t.value) {
				return false
			}
		}
		return true
	}, nil
}

// fixed are the fields that an update cannot name.
var fixed = []protoreflect.Name{"name", "create_time", "replication", "etag", "customer_managed_encryption"}

func (f *Face) update(r *http.Request) (any, error) {
	mask := r.URL.Query().Get("updateMask")
	if mask == "" {
		return nil, gapi.Invalid("The updateMask parameter is required.")
	}
	want := &secretmanagerpb.Secret{}
	if err := read(r, want); err != nil {
		return nil, err
	}

	f.mu.Lock()
	defer f.mu.Unlock()
	s, err := f.secret(secretName(r, r.PathValue("secret")))
	if err != nil {
		return nil, err
	}
	if err := checkEtag(want.GetEtag(), s.meta.GetEtag()); err != nil {
		return nil, err
	}
	// Every path is checked before any is applied, so that a refused update changes nothing.
	var fields []protoreflect.FieldDescriptor
	for path := range strings.SplitSeq(mask, ",") {
		field, err := maskField(path)
		if err != nil {
			return nil, err
		}
		fields = append(fields, field)
	}
	for _, field := range fields {
		from, to := want.ProtoReflect(), s.meta.ProtoReflect()
		switch {
		case from.Has(field):
			to.Set(field, from.Get(field))
		case field.ContainingOneof() != nil:
			// Clearing a ttl also clears the expiry that it has become.
			to.Clear(field)
			if set := to.WhichOneof(field.ContainingOneof()); set != nil {
				to.Clear(set)
			}
		default:
			to.Clear(field)
		}
	}
	settleExpiry(s.meta)
	s.meta.Etag = newEtag()
	if err := f.save(); err != nil {
		return nil, err
	}
	return gapi.Answer(r, s.meta)
}

func maskField(path string) (protoreflect.FieldDescriptor, error) {
	name, _, _ := strings.Cut(strings.TrimSpace(path), ".")
	fields := (&secretmanagerpb.Secret{}).ProtoReflect().Descriptor().Fields()
	field := fields.ByJSONName(name)
	if field == nil {
		field = fields.ByName(protoreflect.Name(name))
	}
	if field == nil {
		return nil, gapi.Invalid("updateMask: a secret has no field %q.", path)
	}
	if slices.Contains(fixed, field.Name()) {
		return nil, gapi.Invalid("updateMask: field %q cannot be changed.", path)
	}
	return field, nil
}

func (f *Face) remove(r *http.Request) (any, error) {
	name := secretName(r, r.PathValue("secret"))
	f.mu.Lock()
	defer f.mu.Unlock()
	s, err := f.secret(name)
	if err != nil {
		return nil, err
	}
	if err := checkEtag(r.URL.Query().Get("etag"), s.meta.GetEtag()); err != nil {
		return nil, err
	}
	delete(f.secrets, name)
	return nil, f.save()
}

func (f *Face) getPolicy(r *http.Request, name string) (any, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s, err := f.secret(name)
	if err != nil {
		return nil, err
	}
	return gapi.Answer(r, gapi.CurrentPolicy(s.policy))
}

func (f *Face) setPolicy(r *http.Request, name string) (any, error) {
	req := &iampb.SetIamPolicyRequest{}
	if err := read(r, req); err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	s, err := f.secret(name)
	if err != nil {
		return nil, err
	}
	policy, err := gapi.NextPolicy(s.policy, req.GetPolicy())
	if err != nil {
		return nil, err
	}
	s.policy = policy
	if err := f.save(); err != nil {
		return nil, err
	}
	return gapi.Answer(r, policy)
}

func (f *Face) testPermissions(r *http.Request, name string) (any, error) {
	req := &iampb.TestIamPermissionsRequest{}
	if err := read(r, req); err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, err := f.secret(name); err != nil {
		return nil, err
	}
	return gapi.Answer(r, &iampb.TestIamPermissionsResponse{Permissions: req.GetPermissions()})
}
