package config

import (
	"fmt"
	"io"
	"log/slog"
)

const redacted = "[redacted]"

// Secret holds a value that must not be printed: fmt, JSON and slog all show "[redacted]". The
// value sits behind a pointer, so that printing a struct which hides a Secret in an unexported
// field, where fmt cannot call its methods, shows an address and not the value.
type Secret struct{ value *string }

// NewSecret keeps value. An empty one is no secret.
func NewSecret(value string) Secret {
	if value == "" {
		return Secret{}
	}
	return Secret{value: &value}
}

// Set reports whether there is a value.
func (s Secret) Set() bool { return s.value != nil }

// Reveal gives the value, or "" when there is none.
func (s Secret) Reveal() string {
	if s.value == nil {
		return ""
	}
	return *s.value
}

func (Secret) String() string { return redacted }

// GoString is the Secret under %#v.
func (Secret) GoString() string { return redacted }

// Format is the Secret under every verb.
func (Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// MarshalText is the Secret in JSON and other encodings.
func (Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// LogValue is the Secret in a log.
func (Secret) LogValue() slog.Value { return slog.StringValue(redacted) }
