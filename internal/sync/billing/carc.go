package billing

import (
	"strconv"
	"strings"
)

// denialRanges is the numbered claim adjustment reason codes that mean a denial. Not among them:
// deductible, coinsurance and copay (1 to 3), contractual write-off (45), interest and sequestration
// (225, 253), and DrChrono's own negative codes.
var denialRanges = [][2]int{
	{4, 16}, {18, 24}, {26, 27}, {29, 29}, {31, 34}, {39, 40}, {49, 51}, {53, 56}, {58, 61}, {69, 70},
	{74, 76}, {78, 78}, {85, 85}, {87, 87}, {89, 91}, {94, 97}, {101, 102}, {106, 112}, {114, 114},
	{116, 117}, {119, 119}, {121, 121}, {125, 125}, {129, 129}, {132, 136}, {138, 140}, {143, 143},
	{146, 154}, {157, 159}, {162, 177}, {179, 186}, {188, 195}, {197, 200}, {202, 204}, {206, 222},
	{224, 224}, {226, 236}, {242, 243}, {251, 252}, {254, 254}, {256, 261}, {267, 277}, {288, 288},
}

// denialLetters is the lettered ones: the letter and its number ranges.
var denialLetters = map[byte][][2]int{
	'A': {{0, 1}, {5, 8}},
	'B': {{1, 1}, {4, 5}, {7, 16}, {20, 20}, {22, 23}},
	'P': {{1, 2}, {4, 11}, {13, 14}, {16, 23}},
	'W': {{1, 1}},
}

// IsDenialCARC says whether an adjustment reason means that the payer refused the line.
func IsDenialCARC(reason string) bool {
	reason = strings.ToUpper(strings.TrimSpace(reason))
	if reason == "" {
		return false
	}
	ranges := denialRanges
	if letters, ok := denialLetters[reason[0]]; ok {
		ranges, reason = letters, reason[1:]
	}
	n, err := strconv.ParseUint(reason, 10, 16)
	if err != nil || strconv.FormatUint(n, 10) != reason { // "+4", "04"
		return false
	}
	for _, r := range ranges {
		if int(n) >= r[0] && int(n) <= r[1] {
			return true
		}
	}
	return false
}
