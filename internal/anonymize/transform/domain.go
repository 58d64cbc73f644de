package transform

import (
	"crypto/cipher"
	"errors"
	"math"
	"strconv"
	"sync"
	"sync/atomic"
)

// domain is what ids are mapped in: equal ones alike, in whichever table and type they are, and no two to the same code.
//
// A surrogate's code is the number of the id, in the order of first sight, sent through a permutation with a key of this
// run: it follows from nothing that is known of the id but, for texts, the shape.
type domain struct {
	name    string
	permute bool
	whole   bool // there are columns of whole numbers: texts that are whole numbers are those, too
	uuids   bool // there are columns of UUIDs: the case of texts that are UUIDs does not count

	once  bool // no id is there twice, so that none has to be remembered
	folds bool // there are columns for which case does not count

	// Codes of whole numbers fit each column, and are far from what sequences and vendors give out, and not like a telephone number.
	span

	short, numbers, texts *crosswalk // short: of numbers that four bytes hold, as most are
	next                  atomic.Uint64
	permutation           permutation
	beyond                permutation // of whole numbers that are too large for permutation

	hash, cipher cipher.Block

	mu     sync.RWMutex
	shapes map[string]*shape
}

// shape is what codes of a shape are made of.
type shape struct {
	places      string
	number      uint64 // of the shapes of a domain
	all         uint64 // texts of it, at most 2^63
	next        atomic.Uint64
	permutation permutation
	lead        int // places that the code decides, when there are more texts than codes; the others are drawn
	spread      uint64
}

// span is which codes of whole numbers a domain has.
type span struct {
	lowest, count uint64
	below         uint64 // permutations map what is below among itself
}

// Of eight bytes, what is permuted among itself is what people have to type; larger numbers stay large.
var (
	span64 = span{100_000_000_000, maxCode, 1_000_000_000_000}
	span32 = span{1_000_000_000, 1_000_000_000, 1 << 31}
	span16 = span{1, math.MaxInt16, 1 << 15}
)

// digitSpan is the codes of so many digits.
func digitSpan(n int) span {
	switch {
	case n >= 12:
		return span64
	case n == 11:
		return span{span32.lowest, span32.count, 100_000_000_000}
	case n == 10:
		return span{span32.lowest, span32.count, 10_000_000_000}
	}
	all := uint64(1)
	for range n {
		all *= 10
	}
	if all < crowded {
		return span{0, all, all}
	}
	return span{all / 10, all - all/10, all}
}

var (
	errExhausted = errors.New("there are more ids than codes that fit the type of its domain's narrowest column")
	errWhole     = errors.New("an id is not a whole number")
)

func newDomain(keys *Keys, name string, u *uses) *domain {
	d := &domain{name: name, permute: u.permute, whole: u.whole, uuids: u.uuids, once: u.once(), folds: u.folds, span: u.codes, shapes: map[string]*shape{}}
	if d.permute {
		d.hash, d.cipher = keys.derived("permute hash "+name), keys.derived("permute "+name)
		d.permutation, d.beyond = newPermutation(d.cipher, 0, d.below), newPermutation(d.cipher, 1, 1<<63-d.below)
		return d
	}
	d.hash, d.cipher = keys.drawn("surrogate hash "+name), keys.drawn("surrogate "+name)
	d.short, d.numbers, d.texts = newCrosswalk(1), newCrosswalk(2), newCrosswalk(3)
	d.permutation = newPermutation(d.cipher, 0, d.count)
	return d
}

// place is where a code is among the codes of its domain.
type codeAt struct {
	shape *shape // nil: of whole numbers
	code  uint64
}

// append appends the code of an id.
func (d *domain) append(w *Worker, dst, id []byte) ([]byte, error) {
	dst, _, err := d.appendAt(w, dst, id)
	return dst, err
}

func (d *domain) appendAt(w *Worker, dst, id []byte) ([]byte, codeAt, error) {
	if d.whole {
		if v, ok := wholeNumber(id); ok {
			if d.permute {
				return strconv.AppendInt(dst, d.permuteNumber(&w.scratch, v), 10), codeAt{}, nil
			}
			code, err := d.numberCode(w, v)
			return strconv.AppendUint(dst, d.lowest+code, 10), codeAt{code: code}, err
		}
	}
	if len(id) == 0 {
		return dst, codeAt{}, nil
	}
	if d.folds || d.uuids && len(id) == uuidLength && isUUID(id) {
		w.id = append(w.id[:0], id...)
		lowerASCII(w.id)
		id = w.id
	}
	if d.permute {
		return d.permuteText(w, dst, id), codeAt{}, nil
	}
	return d.appendTextCode(w, dst, id)
}

// numberCode is the code of a whole number, without the lowest.
func (d *domain) numberCode(w *Worker, v int64) (uint64, error) {
	fresh := func() (uint32, error) {
		for {
			n := d.next.Add(1) - 1
			if n >= d.count {
				return 0, errExhausted
			}
			code := d.permutation.apply(&w.scratch, n)
			w.code = strconv.AppendUint(w.code[:0], d.lowest+code, 10)
			if d.count < crowded || d.lowest+code != uint64(v) && !w.isTakenCode(w.code) { //nolint:gosec // a negative one is no code
				return uint32(code), nil //nolint:gosec // count is at most maxCode
			}
		}
	}
	if d.once && d.count >= plenty {
		code, err := fresh()
		return uint64(code), err
	}
	code, err := d.numberWalk(v).code(numberKey(uint64(v)), fresh) //nolint:gosec // the same 64 bits
	return uint64(code), err
}

// numberWalk is the crosswalk of a number.
func (d *domain) numberWalk(v int64) *crosswalk {
	if v >= 0 && v < 1<<32 {
		return d.short
	}
	return d.numbers
}

// plenty is how many codes there must be for an id that is read twice, because a connection was lost, to be given another one.
const plenty = 100_000_000

// crowded is how many codes there must be for one to be passed over, because it is an id of the source.
const crowded = 1 << 20

func (d *domain) appendTextCode(w *Worker, dst, id []byte) ([]byte, codeAt, error) {
	w.shape = shapeOf(w.shape[:0], id)
	sh := d.shapeNamed(w.shape)
	fresh := func() (uint32, error) {
		for {
			n := sh.next.Add(1) - 1
			if n >= min(sh.all, maxCode) {
				return 0, errExhausted
			}
			code := sh.permutation.apply(&w.scratch, n)
			w.code = d.render(w, w.code[:0], sh, code)
			w.shape = shapeOf(w.shape[:0], w.code)
			if sh.all < crowded || string(w.shape) == sh.places && string(w.code) != string(id) && !w.isTakenCode(w.code) {
				return uint32(code), nil //nolint:gosec // at most maxCode
			}
		}
	}
	var code uint32
	var err error
	if v, ok := wholeNumber(id); d.once && sh.all >= plenty {
		code, err = fresh()
	} else if ok && !d.whole { // else numbers have codes of their own
		code, err = d.numberWalk(v).code(numberKey(uint64(v)), fresh) //nolint:gosec // the same 64 bits
	} else {
		code, err = d.texts.code(fingerprint(w.scratch.mac(d.hash, 0, id)), fresh)
	}
	if err != nil {
		return dst, codeAt{}, err
	}
	return d.render(w, dst, sh, uint64(code)), codeAt{sh, uint64(code)}, nil
}

func (d *domain) shapeNamed(places []byte) *shape {
	d.mu.RLock()
	sh := d.shapes[string(places)]
	d.mu.RUnlock()
	if sh != nil {
		return sh
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if sh = d.shapes[string(places)]; sh != nil {
		return sh
	}
	sh = &shape{places: string(places), number: uint64(len(d.shapes)) + 1, all: texts(places)}
	sh.permutation = newPermutation(d.cipher, sh.number, min(sh.all, maxCode))
	if sh.all > maxCode {
		leading := uint64(1)
		for leading <= maxCode {
			leading *= radix(places[sh.lead])
			sh.lead++
		}
		sh.spread = leading / (maxCode + 1)
	}
	d.shapes[sh.places] = sh
	return sh
}

// render appends the text of a code.
func (d *domain) render(w *Worker, dst []byte, sh *shape, code uint64) []byte {
	lead := len(sh.places)
	var rest draw
	if sh.spread > 0 {
		hi, lo := w.scratch.encrypt(d.cipher, 1<<63|sh.number, code)
		rest = w.scratch.draw(d.cipher, seed{hi, lo}, 0)
		lead, code = sh.lead, code*sh.spread+rest.below(sh.spread)
	}
	from := len(dst)
	dst = append(dst, sh.places...)
	text := dst[from:]
	for i := lead - 1; i >= 0; i-- {
		r := radix(sh.places[i])
		text[i] = character(sh.places[i], code%r)
		code /= r
	}
	return fill(dst, from+lead, text[lead:], &rest)
}

// fill draws the characters of places, which stand in dst from there on.
func fill(dst []byte, from int, places []byte, rest *draw) []byte {
	var bits, have uint64
	for i, class := range places {
		r := radix(class)
		if have < 1<<32 && r > 1 {
			bits, have = rest.next(), math.MaxUint64
		}
		dst[from+i] = character(class, bits%r)
		bits, have = bits/r, have/r
	}
	return dst
}

// ordinal is the number of a code in the order of first sight; not ok when codes of its shape are not the only ones.
func (d *domain) ordinal(w *Worker, at codeAt) (uint64, bool) {
	switch {
	case d.permute:
		return 0, false
	case at.shape == nil:
		return d.permutation.invert(&w.scratch, at.code), d.whole
	case at.shape.number == 1 && !d.whole:
		return at.shape.permutation.invert(&w.scratch, at.code), true
	}
	return 0, false
}

// wholeNumber reads an id as PostgreSQL writes a whole number.
func wholeNumber(id []byte) (int64, bool) {
	digits := id
	if len(digits) > 0 && digits[0] == '-' {
		digits = digits[1:]
	}
	if len(digits) == 0 || digits[0] == '0' && len(id) > 1 {
		return 0, false
	}
	if len(digits) > 18 {
		v, err := strconv.ParseInt(string(id), 10, 64)
		return v, err == nil && id[0] != '+'
	}
	var v int64
	for _, c := range digits {
		if c < '0' || c > '9' {
			return 0, false
		}
		v = v*10 + int64(c-'0')
	}
	if len(digits) < len(id) {
		v = -v
	}
	return v, true
}

func lowerASCII(text []byte) {
	for i, c := range text {
		if 'A' <= c && c <= 'Z' {
			text[i] = c | 0x20
		}
	}
}
