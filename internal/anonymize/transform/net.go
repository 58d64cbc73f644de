package transform

import (
	"bytes"
	"errors"
	"strconv"

	"github.com/feel-august/terraform-provider-august/internal/anonymize/identify"
)

// urlPrefix is of addresses that are nowhere: RFC 2606.
const urlPrefix = "https://example.invalid/"

const longestURL = len(urlPrefix) + longestCode

// fakeURL appends an address that leads nowhere, one for a person.
func (w *Worker) fakeURL(dst []byte) []byte { return w.personCode(append(dst, urlPrefix...)) }

// fakeIP appends an address that is for documentation: of 192.0.2.0/24 (RFC 5737) or 2001:db8::/32 (RFC 3849). The length of a
// prefix stays.
func (w *Worker) fakeIP(dst, value []byte) []byte {
	r := w.scratch.draw(w.fakes(), w.person().seed, drawIP)
	from := len(dst)
	for range tries {
		dst = appendIP(dst[:from], r.next(), bytes.Count(value, []byte{':'}) > 1)
		if !w.isTaken(identify.IP, dst[from:]) {
			break
		}
	}
	if i := bytes.IndexByte(value, '/'); i >= 0 && digitsOnly(value[i+1:]) {
		dst = append(dst, value[i:]...)
	}
	return dst
}

func appendIP(dst []byte, n uint64, six bool) []byte {
	if !six {
		return strconv.AppendUint(append(dst, "192.0.2."...), n%254+1, 10)
	}
	dst = append(dst, "2001:db8"...)
	for range 4 {
		dst = strconv.AppendUint(append(dst, ':'), n&0x7fff|0x8000, 16)
		n >>= 16
	}
	return append(dst, ":0:1"...)
}

func digitsOnly(text []byte) bool {
	for _, c := range text {
		if !isDigit(c) {
			return false
		}
	}
	return len(text) > 0 && len(text) <= 3
}

// network makes of what do says a network, all of whose bits beyond the prefix are zeros, as cidr has it.
func network(do apply) apply {
	return func(w *Worker, dst, value []byte) ([]byte, error) {
		from := len(dst)
		dst, err := do(w, dst, value)
		if err != nil {
			return dst, err
		}
		six := bytes.IndexByte(dst[from:], ':') >= 0
		bits := 32
		if i := bytes.IndexByte(dst[from:], '/'); i >= 0 {
			bits, err = strconv.Atoi(string(dst[from+i+1:]))
			if err != nil {
				return dst, errNetwork
			}
			dst = dst[:from+i]
		} else if six {
			bits = 128
		}
		switch {
		case six && bits < 128:
			return append(dst[:from], "2001:db8::/32"...), nil
		case !six && bits < 32:
			return append(dst[:from], "192.0.2.0/24"...), nil
		}
		return strconv.AppendInt(append(dst, '/'), int64(bits), 10), nil
	}
}

var errNetwork = errors.New("a network is not written as PostgreSQL does")
