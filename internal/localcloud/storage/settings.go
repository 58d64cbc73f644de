package storage

import (
	"bytes"
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	api "google.golang.org/api/storage/v1"

	"github.com/feel-august/terraform-provider-august/internal/localcloud/gapi"
)

// bucketMeta is what a bucket is and how it is set up. What has no effect here is kept as it was sent.
type bucketMeta struct {
	Name           string    `json:"name"`
	Generation     int64     `json:"generation,string"`
	Metageneration int64     `json:"metageneration,string"`
	TimeCreated    time.Time `json:"timeCreated"`
	Updated        time.Time `json:"updated"`

	Location         string            `json:"location"`
	StorageClass     string            `json:"storageClass"`
	Labels           map[string]string `json:"labels,omitempty"`
	IAMConfiguration *iamConfiguration `json:"iamConfiguration"`
	Versioning       *versioning       `json:"versioning,omitempty"`
	RetentionPolicy  *retentionPolicy  `json:"retentionPolicy,omitempty"`
	SoftDeletePolicy *softDeletePolicy `json:"softDeletePolicy,omitempty"`
	HeldFromStart    bool              `json:"defaultEventBasedHold,omitempty"`
	Namespace        *struct {
		Enabled bool `json:"enabled"`
	} `json:"hierarchicalNamespace,omitempty"`
	Rpo string `json:"rpo,omitempty"`

	Lifecycle             json.RawMessage `json:"lifecycle,omitempty"`
	Cors                  json.RawMessage `json:"cors,omitempty"`
	Website               json.RawMessage `json:"website,omitempty"`
	Logging               json.RawMessage `json:"logging,omitempty"`
	Encryption            json.RawMessage `json:"encryption,omitempty"`
	Billing               json.RawMessage `json:"billing,omitempty"`
	Autoclass             json.RawMessage `json:"autoclass,omitempty"`
	CustomPlacementConfig json.RawMessage `json:"customPlacementConfig,omitempty"`
	IPFilter              json.RawMessage `json:"ipFilter,omitempty"`

	// What is refused.
	ACL              json.RawMessage `json:"acl,omitempty"`
	DefaultObjectACL json.RawMessage `json:"defaultObjectAcl,omitempty"`
}

type iamConfiguration struct {
	// The second is the old name of the first.
	Uniform                uniformAccess  `json:"uniformBucketLevelAccess"`
	PolicyOnly             *uniformAccess `json:"bucketPolicyOnly,omitempty"`
	PublicAccessPrevention string         `json:"publicAccessPrevention"`
}

type uniformAccess struct {
	Enabled    bool       `json:"enabled"`
	LockedTime *time.Time `json:"lockedTime,omitempty"`
}

type versioning struct {
	Enabled bool `json:"enabled"`
}

type retentionPolicy struct {
	RetentionPeriod int64     `json:"retentionPeriod,string"`
	EffectiveTime   time.Time `json:"effectiveTime"`
	IsLocked        bool      `json:"isLocked,omitempty"`
}

type softDeletePolicy struct {
	Retention     int64      `json:"retentionDurationSeconds,string"`
	EffectiveTime *time.Time `json:"effectiveTime,omitempty"`
}

const (
	day        = 24 * time.Hour
	hundred    = 100 * 365 * day / time.Second // years
	lockedIn   = 90 * day
	softDelete = int64(7 * day / time.Second)

	softDeleteMost = int64(90 * day / time.Second)
)

var (
	bucketName     = regexp.MustCompile(`^[a-z0-9][a-z0-9_.-]*[a-z0-9]$`)
	ipAddress      = regexp.MustCompile(`^\d+\.\d+\.\d+\.\d+$`)
	label          = regexp.MustCompile(`^[\p{Ll}\p{Lo}\p{N}_-]{0,63}$`)
	labelKey       = regexp.MustCompile(`^[\p{Ll}\p{Lo}][\p{Ll}\p{Lo}\p{N}_-]{0,62}$`)
	multiRegions   = []string{"US", "EU", "ASIA"}
	storageClasses = []string{"STANDARD", "NEARLINE", "COLDLINE", "ARCHIVE", "MULTI_REGIONAL", "REGIONAL", "DURABLE_REDUCED_AVAILABILITY"}
)

func validBucket(name string) bool {
	for part := range strings.SplitSeq(name, ".") {
		if part == "" || len(part) > 63 {
			return false
		}
	}
	return len(name) >= 3 && len(name) <= 222 && bucketName.MatchString(name) && !ipAddress.MatchString(name) &&
		!strings.HasPrefix(name, "goog") && !strings.Contains(name, "google")
}

// fixed takes from before what no change reaches.
func (m *bucketMeta) fixed(before *bucketMeta) {
	m.Name, m.Generation, m.TimeCreated = before.Name, before.Generation, before.TimeCreated
	m.Location = before.Location
}

// settle makes of what was asked for what a bucket has, or says why it can't be. There is nothing before a new one.
func (m *bucketMeta) settle(before *bucketMeta, now time.Time) error {
	if m.Location = strings.ToUpper(m.Location); m.Location == "" {
		m.Location = "US"
	}
	if m.StorageClass = strings.ToUpper(m.StorageClass); m.StorageClass == "" {
		m.StorageClass = "STANDARD"
	}
	if !slices.Contains(storageClasses, m.StorageClass) {
		return gapi.Invalid("Invalid storage class '%s'.", m.StorageClass)
	}
	for key, value := range m.Labels {
		if !labelKey.MatchString(key) || !label.MatchString(value) {
			return gapi.Invalid("Invalid label '%s': '%s'.", key, value)
		}
	}
	if len(m.Labels) > 64 {
		return gapi.Invalid("A bucket can have 64 labels at most.")
	}
	if m.Namespace != nil && m.Namespace.Enabled {
		return gapi.Invalid("The local cloud has no hierarchical namespace.")
	}
	for _, kept := range []*json.RawMessage{&m.Lifecycle, &m.Cors, &m.Website, &m.Logging, &m.Encryption, &m.Billing, &m.Autoclass, &m.CustomPlacementConfig, &m.IPFilter, &m.ACL, &m.DefaultObjectACL} {
		if slices.Contains([]string{"null", "{}", "[]", `{"rule":[]}`}, string(*kept)) {
			*kept = nil
		}
	}
	if m.ACL != nil || m.DefaultObjectACL != nil {
		return errACL
	}
	if err := m.known(); err != nil {
		return err
	}
	if m.Rpo == "" && m.locationType() != "region" {
		m.Rpo = "DEFAULT"
	}
	if err := m.settleAccess(before, now); err != nil {
		return err
	}
	if err := m.settleSoftDelete(before, now); err != nil {
		return err
	}
	return m.settleRetention(before, now)
}

// known holds what is kept as it was sent against the types of Google's client.
func (m *bucketMeta) known() error {
	body, err := json.Marshal(m)
	if err != nil {
		return err
	}
	strict := json.NewDecoder(bytes.NewReader(body))
	strict.DisallowUnknownFields()
	if err := strict.Decode(&api.Bucket{}); err != nil {
		return gapi.Invalid("Request body is not valid for this method: %v", err)
	}
	return nil
}

func (m *bucketMeta) settleAccess(before *bucketMeta, now time.Time) error {
	c := iamConfiguration{PublicAccessPrevention: "inherited"}
	if m.IAMConfiguration != nil {
		c = *m.IAMConfiguration
	}
	var had uniformAccess
	if before != nil {
		had = before.IAMConfiguration.Uniform
	}
	// Whichever of the two names was changed counts.
	if old := c.PolicyOnly; old != nil && old.Enabled != had.Enabled {
		c.Uniform.Enabled = old.Enabled
	}
	switch {
	case c.Uniform.Enabled && had.Enabled:
		c.Uniform = had
	case c.Uniform.Enabled:
		at := now.Add(lockedIn)
		c.Uniform.LockedTime = &at
	case had.Enabled && had.LockedTime.Before(now):
		return gapi.Errorf(http.StatusBadRequest, "INVALID_ARGUMENT", "invalid",
			"Cannot disable uniform bucket-level access: it has been enabled for more than 90 days.")
	default:
		c.Uniform = uniformAccess{}
	}
	c.PolicyOnly = &c.Uniform
	switch c.PublicAccessPrevention {
	case "", "unspecified":
		c.PublicAccessPrevention = "inherited"
	case "inherited", "enforced":
	default:
		return gapi.Invalid("Invalid argument: publicAccessPrevention '%s'.", c.PublicAccessPrevention)
	}
	m.IAMConfiguration = &c
	return nil
}

// settleSoftDelete gives a bucket the policy that Google's have unless told otherwise.
func (m *bucketMeta) settleSoftDelete(before *bucketMeta, now time.Time) error {
	want := softDeletePolicy{Retention: softDelete, EffectiveTime: &now}
	if m.SoftDeletePolicy != nil {
		want.Retention = m.SoftDeletePolicy.Retention
	}
	if want.Retention != 0 && (want.Retention < softDelete || want.Retention > softDeleteMost) {
		return gapi.Invalid("Soft delete policy retention duration must be zero, or between 7 and 90 days.")
	}
	if before != nil && before.SoftDeletePolicy.Retention == want.Retention {
		want.EffectiveTime = before.SoftDeletePolicy.EffectiveTime
	}
	if want.Retention == 0 {
		want.EffectiveTime = nil
	}
	m.SoftDeletePolicy = &want
	return nil
}

func (m *bucketMeta) settleRetention(before *bucketMeta, now time.Time) error {
	var had *retentionPolicy
	if before != nil {
		had = before.RetentionPolicy
	}
	if m.RetentionPolicy == nil {
		if had != nil && had.IsLocked {
			return forbidden("Cannot remove locked Retention Policy for bucket '%s'.", m.Name)
		}
		return nil
	}
	p := *m.RetentionPolicy
	if p.RetentionPeriod <= 0 || p.RetentionPeriod >= int64(hundred) {
		return gapi.Invalid("Retention period must be greater than zero and less than 100 years.")
	}
	p.IsLocked, p.EffectiveTime = had != nil && had.IsLocked, now // there is a call of its own to lock
	if had != nil {
		if had.IsLocked && p.RetentionPeriod < had.RetentionPeriod {
			return forbidden("Cannot reduce retention duration of a locked Retention Policy for bucket '%s'.", m.Name)
		}
		if p.RetentionPeriod == had.RetentionPeriod {
			p.EffectiveTime = had.EffectiveTime
		}
	}
	m.RetentionPolicy = &p
	return nil
}

func forbidden(format string, args ...any) error {
	return gapi.Errorf(http.StatusForbidden, "PERMISSION_DENIED", "forbidden", format, args...)
}

func (m *bucketMeta) locationType() string {
	switch {
	case m.CustomPlacementConfig != nil:
		return "dual-region"
	case slices.Contains(multiRegions, m.Location):
		return "multi-region"
	case strings.Contains(m.Location, "-"):
		return "region"
	}
	return "dual-region"
}

// readChange reads a request's body as what is to become of a thing: merged with what it is, or in its place.
func readChange(r *http.Request, is, want any, merge bool) error {
	var change map[string]any
	if err := gapi.ReadJSON(r, &change); err != nil {
		return err
	}
	whole := map[string]any{}
	if merge {
		body, err := json.Marshal(is)
		if err != nil {
			return err
		}
		if err := json.Unmarshal(body, &whole); err != nil {
			return err
		}
	}
	mergeInto(whole, change)
	body, err := json.Marshal(whole)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(body, want); err != nil {
		return gapi.Invalid("Request body is not valid for this method: %v", err)
	}
	return nil
}

// mergeInto is a patch as Google's and RFC 7396 have it: null takes away, objects are merged, all else is replaced.
func mergeInto(whole, change map[string]any) {
	for key, value := range change {
		inner, isObject := value.(map[string]any)
		switch {
		case value == nil:
			delete(whole, key)
		case isObject:
			have, ok := whole[key].(map[string]any)
			if !ok {
				have = map[string]any{}
				whole[key] = have
			}
			mergeInto(have, inner)
		default:
			whole[key] = value
		}
	}
}
