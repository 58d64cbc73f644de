package indexes

// bare is an expression without the parentheses that PostgreSQL prints around all of it: as one would write it.
func bare(text string) string {
	for len(text) > 1 && text[0] == '(' && closes(text) == len(text)-1 {
		text = text[1 : len(text)-1]
	}
	return text
}

// closes is where the parenthesis that a text begins with is closed.
func closes(text string) int {
	depth, quote := 0, byte(0)
	for i := range len(text) {
		switch c := text[i]; {
		case quote != 0:
			if c == quote { // a quote that is written twice ends and begins again
				quote = 0
			}
		case c == '\'' || c == '"':
			quote = c
		case c == '(':
			depth++
		case c == ')':
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return -1
}
