package pubsub

import (
	"math"
	"net/http"
	"regexp"
	"strings"
	"time"

	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/feel-august/terraform-provider-august/internal/localcloud/gapi"
)

// Pub/Sub's limits and defaults.
const (
	minAckDeadline, maxAckDeadline, defaultAckDeadline = 10, 600, 10

	minAttempts, maxAttempts, defaultAttempts = 5, 100, 5

	day              = 24 * time.Hour
	minRetention     = 10 * time.Minute
	maxRetention     = 31 * day
	defaultRetention = 7 * day
	defaultExpiry    = 31 * day
	minExpiry        = day

	maxBackoff        = 600 * time.Second
	defaultMinBackoff = 10 * time.Second
)

var (
	topicForm        = regexp.MustCompile(`^projects/([a-z][a-z0-9.:-]{4,61}[a-z0-9])/topics/([A-Za-z][A-Za-z0-9._~+%-]{2,254})$`)
	subscriptionForm = regexp.MustCompile(`^projects/([a-z][a-z0-9.:-]{4,61}[a-z0-9])/subscriptions/([A-Za-z][A-Za-z0-9._~+%-]{2,254})$`)
	labelKeyForm     = regexp.MustCompile(`^\p{Ll}[\p{Ll}\p{Lo}\p{N}_-]{0,62}$`)
	labelForm        = regexp.MustCompile(`^[\p{Ll}\p{Lo}\p{N}_-]{0,63}$`)
)

func projectOf(name string) string { return strings.Split(name, "/")[1] }

// notPlayed refuses what the local Pub/Sub would have to store without doing it.
func notPlayed(what string) error {
	return gapi.Errorf(http.StatusNotImplemented, "UNIMPLEMENTED", "notImplemented", "The local cloud's Pub/Sub has no %s.", what)
}

func checkName(name string, form *regexp.Regexp) error {
	parts := form.FindStringSubmatch(name)
	if parts == nil || strings.HasPrefix(parts[2], "goog") {
		return gapi.Invalid("Invalid resource name given (name=%s). It has to match %s, and must not begin with goog.", name, form)
	}
	return nil
}

func checkLabels(labels map[string]string) error {
	if len(labels) > 64 {
		return gapi.Invalid("There are more than 64 labels.")
	}
	for key, value := range labels {
		if !labelKeyForm.MatchString(key) || !labelForm.MatchString(value) {
			return gapi.Invalid("Label %q is not valid: keys and values have lower-case letters, digits, dashes and underscores, 63 at most.", key)
		}
	}
	return nil
}

func checkSpan(field string, d *durationpb.Duration, least, most time.Duration) error {
	if v := d.AsDuration(); d.CheckValid() != nil || v < least || v > most {
		return gapi.Invalid("Invalid %s: %s is not between %s and %s.", field, v, least, most)
	}
	return nil
}

// checkTopic refuses what Pub/Sub would.
func checkTopic(t *pubsubpb.Topic) error {
	if err := checkName(t.GetName(), topicForm); err != nil {
		return err
	}
	switch {
	case t.GetSchemaSettings() != nil:
		return notPlayed("schemas")
	case t.GetIngestionDataSourceSettings() != nil:
		return notPlayed("ingestion")
	case len(t.GetMessageTransforms()) > 0:
		return notPlayed("message transforms")
	}
	if d := t.GetMessageRetentionDuration(); d != nil {
		if err := checkSpan("messageRetentionDuration", d, minRetention, maxRetention); err != nil {
			return err
		}
	}
	t.State, t.SatisfiesPzs = 0, false // output only
	return checkLabels(t.GetLabels())
}

// checkSubscription refuses what Pub/Sub would, and fills in what it would.
func checkSubscription(s *pubsubpb.Subscription) error {
	if err := checkName(s.GetName(), subscriptionForm); err != nil {
		return err
	}
	if s.GetTopic() != deletedTopic {
		if err := checkName(s.GetTopic(), topicForm); err != nil {
			return err
		}
	}
	switch {
	case s.GetPushConfig().GetPushEndpoint() != "":
		return notPlayed("push delivery")
	case s.GetBigqueryConfig() != nil, s.GetCloudStorageConfig() != nil, s.GetBigtableConfig() != nil:
		return notPlayed("export subscriptions")
	case len(s.GetMessageTransforms()) > 0:
		return notPlayed("message transforms")
	}
	if s.GetAckDeadlineSeconds() == 0 {
		s.AckDeadlineSeconds = defaultAckDeadline
	}
	if n := s.GetAckDeadlineSeconds(); n < minAckDeadline || n > maxAckDeadline {
		return gapi.Invalid("Invalid ack deadline given: %d seconds. It has to be between %d and %d.", n, minAckDeadline, maxAckDeadline)
	}
	if s.GetMessageRetentionDuration() == nil {
		s.MessageRetentionDuration = durationpb.New(defaultRetention)
	}
	if err := checkSpan("messageRetentionDuration", s.GetMessageRetentionDuration(), minRetention, maxRetention); err != nil {
		return err
	}
	if s.GetExpirationPolicy() == nil {
		s.ExpirationPolicy = &pubsubpb.ExpirationPolicy{Ttl: durationpb.New(defaultExpiry)}
	}
	if ttl := s.GetExpirationPolicy().GetTtl(); ttl != nil { // without one it never expires
		if err := checkSpan("expirationPolicy.ttl", ttl, minExpiry, math.MaxInt64); err != nil {
			return err
		}
	}
	if s.GetPushConfig() == nil {
		s.PushConfig = &pubsubpb.PushConfig{}
	}
	s.State, s.TopicMessageRetentionDuration = pubsubpb.Subscription_ACTIVE, nil // output only
	if err := checkPolicies(s); err != nil {
		return err
	}
	if _, err := parseFilter(s.GetFilter()); err != nil {
		return err
	}
	return checkLabels(s.GetLabels())
}

func checkPolicies(s *pubsubpb.Subscription) error {
	if d := s.GetDeadLetterPolicy(); d != nil {
		if d.GetMaxDeliveryAttempts() == 0 {
			d.MaxDeliveryAttempts = defaultAttempts
		}
		if n := d.GetMaxDeliveryAttempts(); n < minAttempts || n > maxAttempts {
			return gapi.Invalid("Invalid max_delivery_attempts: %d is not between %d and %d.", n, minAttempts, maxAttempts)
		}
		if err := checkName(d.GetDeadLetterTopic(), topicForm); err != nil {
			return err
		}
	}
	if r := s.GetRetryPolicy(); r != nil {
		if r.GetMinimumBackoff() == nil {
			r.MinimumBackoff = durationpb.New(defaultMinBackoff)
		}
		if r.GetMaximumBackoff() == nil {
			r.MaximumBackoff = durationpb.New(maxBackoff)
		}
		if err := checkSpan("retryPolicy.minimumBackoff", r.GetMinimumBackoff(), 0, maxBackoff); err != nil {
			return err
		}
		return checkSpan("retryPolicy.maximumBackoff", r.GetMaximumBackoff(), r.GetMinimumBackoff().AsDuration(), maxBackoff)
	}
	return nil
}
