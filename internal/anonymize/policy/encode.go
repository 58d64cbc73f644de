package policy

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// MaxEncoded is the longest encoded policy: what Cloud Run takes as a variable.
const MaxEncoded = 32 << 10

// maxDocument bounds what a policy is once it is unpacked.
const maxDocument = 4 << 20

// Canonical is the one way in which a policy is written: what is hashed, and what is signed.
func (p *Policy) Canonical() []byte {
	out, err := json.Marshal(p.normal())
	if err != nil { // of strings, numbers and maps there is none
		panic(err)
	}
	return out
}

// normal is a policy in which what is empty is nothing, so that two that say the same are written the same.
func (p *Policy) normal() Policy {
	n := *p
	n.Tables = map[string]Table{}
	for name, t := range p.Tables {
		if len(t.Subject) == 0 {
			t.Subject = nil
		}
		columns := map[string]Rule{}
		for column, r := range t.Columns {
			columns[column] = r.normal()
		}
		t.Columns = columns
		n.Tables[name] = t
	}
	n.Quasi = append([]Quasi(nil), p.Quasi...)
	for i, q := range n.Quasi {
		if q.Columns == nil {
			n.Quasi[i].Columns = []string{}
		}
	}
	return n
}

func (r Rule) normal() Rule {
	if len(r.Paths) == 0 {
		r.Paths = nil
		return r
	}
	paths := map[string]Rule{}
	for path, inner := range r.Paths {
		paths[path] = inner.normal()
	}
	r.Paths = paths
	return r
}

// Hash is the policy's digest, by which evidence names it.
func (p *Policy) Hash() string {
	sum := sha256.Sum256(p.Canonical())
	return "sha256:" + hex.EncodeToString(sum[:])
}

// Encode is the policy as a variable that a job is given.
func (p *Policy) Encode() (string, error) {
	var packed bytes.Buffer
	zip, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	if err != nil {
		return "", err
	}
	if _, err := zip.Write(p.Canonical()); err != nil {
		return "", err
	}
	if err := zip.Close(); err != nil {
		return "", err
	}
	out := base64.StdEncoding.EncodeToString(packed.Bytes())
	if len(out) > MaxEncoded {
		return "", fmt.Errorf("the policy takes %d bytes once it is packed, and a job can be given %d: exclude whole schemas rather than tables, or shorten reasons", len(out), MaxEncoded)
	}
	return out, nil
}

// Decode reads what Encode wrote, and nothing else: what this version does not know might be what keeps a column from leaving.
func Decode(encoded string) (*Policy, error) {
	if len(encoded) > MaxEncoded {
		return nil, errors.New("the policy is too long to be one that was encoded")
	}
	packed, err := base64.StdEncoding.Strict().DecodeString(encoded)
	if err != nil {
		return nil, errors.New("the policy is not base64")
	}
	from := bytes.NewReader(packed)
	zip, err := gzip.NewReader(from)
	if err != nil {
		return nil, errors.New("the policy is not gzip")
	}
	zip.Multistream(false)
	document, err := io.ReadAll(io.LimitReader(zip, maxDocument+1))
	if err != nil || len(document) > maxDocument || from.Len() > 0 {
		return nil, errors.New("the policy cannot be unpacked")
	}
	return Parse(document)
}

// Parse reads a policy's canonical JSON. A document that is not is refused: it may say a thing twice.
func Parse(document []byte) (*Policy, error) {
	var p Policy
	d := json.NewDecoder(bytes.NewReader(document))
	d.DisallowUnknownFields()
	if err := d.Decode(&p); err != nil {
		return nil, fmt.Errorf("the policy is not one that this version knows: %w", err)
	}
	if p.Version != Version {
		return nil, fmt.Errorf("the policy is of version %d, and this program knows version %d", p.Version, Version)
	}
	if !bytes.Equal(p.Canonical(), document) {
		return nil, errors.New("the policy is not written in its canonical form; use the provider's or the command's output as it is")
	}
	return &p, nil
}
