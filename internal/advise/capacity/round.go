package capacity

import (
	"math"
	"strconv"
)

// preferred is Renard's series R20 (ISO 3): twenty steps to each power of ten, 11 to 15 % apart.
var preferred = []float64{1, 1.12, 1.25, 1.4, 1.6, 1.8, 2, 2.24, 2.5, 2.8, 3.15, 3.55, 4, 4.5, 5, 5.6, 6.3, 7.1, 8, 9, 10}

// leastFigure is what a figure is taken for at least: a load that is next to none needs no less than one that is small.
const leastFigure = 0.01

// up takes a figure to the next preferred number, so that a little more of it changes nothing.
func up(x float64) float64 {
	x = max(x, leastFigure)
	power := math.Pow(10, math.Floor(math.Log10(x)))
	for _, step := range preferred {
		if n := tidy(step * power); n >= x*(1-1e-9) {
			return n
		}
	}
	return tidy(10 * power)
}

// tidy leaves away what a multiplication has added beyond the twelfth digit.
func tidy(x float64) float64 {
	n, err := strconv.ParseFloat(strconv.FormatFloat(x, 'e', 11, 64), 64)
	if err != nil {
		return x
	}
	return n
}

// shown is a figure for a person: three digits, or all that there are before the point.
func shown(x float64) string {
	if x >= 1000 {
		return strconv.FormatFloat(x, 'f', 0, 64)
	}
	if x < leastFigure/10 {
		return "0"
	}
	n, err := strconv.ParseFloat(strconv.FormatFloat(x, 'e', 2, 64), 64)
	if err != nil {
		n = x
	}
	return strconv.FormatFloat(n, 'f', -1, 64)
}

// ceil leaves aside what a division has added to a whole number.
func ceil(x float64) int64 { return int64(math.Ceil(min(x, math.MaxInt32) - 1e-9)) }
