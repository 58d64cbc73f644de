package scan

import (
	"bytes"
	"net/netip"
	"unicode/utf8"
)

// Normal forms of identifiers, which all ways of writing one have in common.

func emailNormal(dst, v []byte) []byte {
	v = bytes.Trim(v, ".'-")
	for _, c := range v {
		if c < utf8.RuneSelf {
			c = lower[c]
		}
		dst = append(dst, c)
	}
	return dst
}

// urlNormal is a URL without its scheme, www. and what ends a sentence.
func urlNormal(dst, v []byte) []byte {
	if i := bytes.Index(v, []byte("://")); i >= 0 {
		v = v[i+3:]
	}
	from := len(dst)
	for _, c := range bytes.TrimRight(v, "/.?!:") {
		if c < utf8.RuneSelf {
			c = lower[c]
		}
		dst = append(dst, c)
	}
	if rest, ok := bytes.CutPrefix(dst[from:], []byte("www.")); ok {
		dst = append(dst[:from], rest...)
	}
	return dst
}

// reserved are the addresses that belong to nobody, of which the made-up ones are (RFC 5737, RFC 3849).
var reserved = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("2001:db8::/32")}

// ipNormal is nil for an address that singles nobody out.
func ipNormal(dst []byte, ip netip.Addr) []byte {
	ip = ip.Unmap().WithZone("")
	if ip.IsLoopback() || ip.IsUnspecified() {
		return nil
	}
	for _, r := range reserved {
		if r.Contains(ip) {
			return nil
		}
	}
	return ip.AppendTo(dst)
}

// fictitious says whether ten digits are of the numbers that are given to nobody, of which the made-up ones are: 555-0100 to 555-0199.
func fictitious(phone []byte) bool {
	return len(phone) == 10 && bytes.Equal(phone[3:8], []byte("55501"))
}

// neverIssued says whether nine digits are no social security number and no taxpayer's: such are the made-up ones.
func neverIssued(ssn []byte) bool {
	if len(ssn) != 9 {
		return false
	}
	area, middle := string(ssn[:3]), string(ssn[3:5])
	if area == "000" || area == "666" || middle == "00" || bytes.Equal(ssn[5:], []byte("0000")) {
		return true
	}
	// 9xx is for taxpayers' numbers (50-65, 70-88, 90-92, 94-99 in the middle) and adoptions (93).
	return area[0] == '9' && (middle < "50" || middle > "65" && middle < "70" || middle == "89")
}
