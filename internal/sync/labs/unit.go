package labs

import (
	"strings"
	"unicode"
)

// maxUnit is the longest text taken for a unit, in bytes.
const maxUnit = 64

// cleanUnit is a unit as its own field gives it; what says nothing is no unit.
func cleanUnit(s string) string {
	s = unify(clean(s))
	if len(s) > maxUnit || placeholders[fold(s)] || !strings.ContainsFunc(s, unitSign) {
		return ""
	}
	if core, _, cut := cutCaret(s); cut {
		return cleanUnit(core)
	}
	if _, rest, ok := cutNumber(s); ok && rest == "" { // 1e3
		return ""
	}
	return s
}

// placeholders fill fields that have nothing to say.
var placeholders = set("", "n/a", "na", "null", "none", "unknown", "blank")

// unitSign says whether c can make a text a unit: a number alone is none.
func unitSign(c rune) bool { return c == '%' || c == '°' || c == '‰' || unicode.IsLetter(c) }

// FoldUnit makes two spellings of a unit comparable: case, spaces, the two letters mu and the ways to
// write a power of ten. It converts nothing: mg/dL and g/L stay different.
func FoldUnit(s string) string {
	s = strings.ToLower(strings.ReplaceAll(unify(clean(s)), " ", ""))
	s = unitSpellings.Replace(s)
	if strings.HasPrefix(s, "x10") {
		s = s[1:]
	}
	if power, rest, ok := powerOfTen(s); ok {
		s = "10*" + power + rest
	}
	return s
}

var unitSpellings = strings.NewReplacer("µ", "u", "μ", "u", "mcg", "ug")

// powerOfTen reads "10*3", "10^3", "10e3", "10(3)" and what follows it.
func powerOfTen(s string) (power, rest string, ok bool) {
	if s = strings.TrimPrefix(s, "x"); len(s) < 4 || s[:2] != "10" || !strings.ContainsRune("*^e(", rune(s[2])) {
		return "", "", false
	}
	i := 3
	for i < len(s) && isDigit(s[i]) {
		i++
	}
	power, rest = s[3:i], s[i:]
	if s[2] == '(' {
		if !strings.HasPrefix(rest, ")") {
			return "", "", false
		}
		rest = rest[1:]
	}
	return power, rest, power != ""
}

// unitShaped says whether what follows a number is surely its unit, and not the rest of a sentence.
func unitShaped(s string) bool {
	if s == "" || len(s) > maxUnit || strings.Count(s, " ") > 3 || !strings.ContainsFunc(s, unitSign) {
		return false
	}
	for _, c := range s {
		if !unicode.IsLetter(c) && !unicode.IsDigit(c) && !strings.ContainsRune(" /*^%.-()[]{}'_+°‰²³", c) {
			return false
		}
	}
	if _, _, cut := cutCaret(s); cut {
		return false
	}
	s = strings.ToLower(s)
	if s[0] == '%' || strings.HasPrefix(s, "‰") {
		return true
	}
	above, below, fraction := strings.Cut(s, "/")
	above = strings.TrimSpace(unitSpellings.Replace(above))
	if fraction && strings.TrimSpace(below) == "" {
		return false
	}
	if _, rest, ok := powerOfTen(above); ok {
		above = strings.TrimSpace(rest)
		return above == "" || units[above]
	}
	return units[above] || fraction && (above == "" || counts[above])
}

// units are what labs count and measure in, alone or above a stroke.
var units = set("g", "gm", "mg", "ug", "ng", "pg", "kg", "l", "dl", "ml", "ul", "fl", "mol", "mmol", "umol", "nmol", "pmol",
	"u", "iu", "miu", "uiu", "ku", "mu", "kiu", "au", "eu", "ru", "bau", "unit", "units", "eq", "meq", "osm", "mosm", "mosmol",
	"m", "cm", "mm", "um", "mm hg", "mmhg", "kpa", "torr", "s", "sec", "secs", "second", "seconds", "min", "mins", "minutes",
	"h", "hr", "hrs", "hours", "days", "ratio", "index", "titer", "titre", "copies", "cells", "cfu", "log", "log10", "°c", "°f")

// counts stand above a stroke only.
var counts = set("k", "thou", "thousand", "mil", "mill", "million", "copy", "cell", "wbc", "rbc", "colonies")
