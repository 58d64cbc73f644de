package lex

import (
	"unicode"
	"unicode/utf8"
)

// Email is the address around the sign @ at text[at].
func Email(text []byte, at int) (Span, bool) {
	from, to := at, at+1
	for from > 0 {
		c := text[from-1]
		if k := classes[c]; k != Letter && k != Digit && k != Wide && c != '.' && c != '_' && c != '-' && c != '+' && c != '%' && c != '\'' && c != '=' && c != '&' && c != '!' && c != '#' {
			break
		}
		from--
	}
	for from < at && !utf8.RuneStart(text[from]) {
		from++
	}
	for from < at && (text[from] == '.' || text[from] == '\'' || text[from] == '-' || text[from] == '=' || text[from] == '&' || text[from] == '#' || text[from] == '!') {
		from++
	}
	for to < len(text) {
		c := text[to]
		if k := classes[c]; k != Letter && k != Digit && c != '.' && c != '-' && c != '_' {
			if k != Wide {
				break
			}
			r, n := utf8.DecodeRune(text[to:])
			if !unicode.IsLetter(r) {
				break
			}
			to += n
			continue
		}
		to++
	}
	for to > at+1 && (text[to-1] == '.' || text[to-1] == '-' || text[to-1] == '_') {
		to--
	}
	return Span{from, to}, from < at && to > at+1
}

// URL is the end of the URL that begins at text[i], a letter, where no word is cut; i, if none does.
func URL(text []byte, i int) int {
	end := i
	for end < len(text) && end-i < 64 && (classes[text[end]] == Letter || classes[text[end]] == Digit || text[end] == '-') { // a label has 63
		end++
	}
	if end == len(text) {
		return i
	}
	switch text[end] {
	case ':':
		if end+2 < len(text) && text[end+1] == '/' && text[end+2] == '/' || scheme(text[i:end]) && end+1 < len(text) && classes[text[end+1]] != Space {
			return tail(text, end+1)
		}
	case '.':
		host := end
		for host+1 < len(text) && host-i < 256 && text[host] == '.' && (classes[text[host+1]] == Letter || classes[text[host+1]] == Digit) {
			label := host + 1
			for host = label; host < len(text) && (classes[text[host]] == Letter || classes[text[host]] == Digit || text[host] == '-'); host++ {
			}
			last := text[label:host]
			if host < len(text) && text[host] == '.' && host+1 < len(text) && classes[text[host+1]] == Letter {
				continue
			}
			slash := host < len(text) && (text[host] == '/' || text[host] == ':' && host+1 < len(text) && classes[text[host+1]] == Digit)
			if domain(last, slash) || equalFold(text[i:end], "www") && len(last) > 1 {
				if slash || host < len(text) && (text[host] == '?' || text[host] == '#') {
					return tail(text, host)
				}
				return host
			}
		}
	}
	return i
}

// tail is where what belongs to a URL ends.
func tail(text []byte, i int) int {
	end := i
	for i < len(text) {
		switch c := text[i]; {
		case c <= ' ', c == '"', c == '<', c == '>', c == '`', c == '|', c == '\\', c == '{', c == '}', c == '^':
			return end
		case c == '.', c == ',', c == ';', c == ':', c == '!', c == '?', c == ')', c == ']', c == '\'', c == '*':
			i++ // belongs to it when something follows
		case c >= utf8.RuneSelf:
			r, n := utf8.DecodeRune(text[i:])
			if unicode.IsSpace(r) || unicode.IsPunct(r) {
				return end
			}
			i += n
			end = i
		default:
			i++
			end = i
		}
	}
	return end
}

func equalFold(text []byte, s string) bool {
	if len(text) != len(s) {
		return false
	}
	for i := range text {
		if text[i]|0x20 != s[i] {
			return false
		}
	}
	return true
}

func scheme(word []byte) bool {
	return equalFold(word, "mailto") || equalFold(word, "tel") || equalFold(word, "sms") || equalFold(word, "data") || equalFold(word, "urn")
}

// domain says whether a word ends the names of hosts; only with a path behind it, where it is a word of its own.
func domain(word []byte, path bool) bool {
	if len(word) > 8 || len(word) < 2 {
		return false
	}
	var b [8]byte
	for i, c := range word {
		b[i] = c | 0x20
	}
	switch string(b[:len(word)]) {
	case "com", "net", "org", "edu", "gov", "mil", "info", "biz", "app", "dev", "health", "clinic", "invalid", "html", "php":
		return true
	case "io", "co", "us", "me", "ai", "uk", "ca", "de", "fr", "eu", "mx", "care", "example", "test", "local", "ly", "gl", "link", "online", "site", "web":
		return path
	}
	return false
}

// IP is the end of the IP or hardware address that begins at text[i]; i, if none does.
func IP(text []byte, i int) int {
	if end := ip4(text, i); end > i {
		return end
	}
	groups, width, gap, end, pairs := 0, 0, false, i, true
	j := i
loop:
	for ; j < len(text); j++ {
		switch c := text[j]; {
		case classes[c] == Digit || 'a' <= c|0x20 && c|0x20 <= 'f':
			if width++; width > 4 {
				return i
			}
			end = j + 1
		case c == ':':
			if width == 0 {
				if gap || j == i || text[j-1] != ':' {
					break loop
				}
				gap = true
				end = j + 1
			} else {
				pairs = pairs && width == 2
				groups++
				width = 0
			}
		default:
			break loop
		}
	}
	if j < len(text) && (classes[text[j]] == Letter || classes[text[j]] == Wide) {
		return i
	}
	if width > 0 {
		pairs = pairs && width == 2
		groups++
	}
	switch {
	case gap && groups >= 1 && groups < 8, !gap && groups == 8, !gap && groups == 6 && pairs:
		return end
	}
	return i
}

func ip4(text []byte, i int) int {
	end := i
	for n := range 4 {
		v, e := digitsAt(text, end)
		if e == end || e-end > 3 || v > 255 {
			return i
		}
		end = e
		if n < 3 {
			if end == len(text) || text[end] != '.' {
				return i
			}
			end++
		}
	}
	if end+1 < len(text) && text[end] == '.' && classes[text[end+1]] == Digit {
		return i
	}
	return end
}
