// Package clean makes texts from outside harmless to show.
package clean

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxText bounds one cleaned text, in characters.
const maxText = 1500

// Text returns text without control characters, characters that are invisible or turn the direction of writing, and line
// breaks, and no more than 1,500 characters of it. What is taken out leaves a mark.
func Text(text string) string {
	const mark = utf8.RuneError
	text = strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t' || r == '\r':
			return ' '
		case unicode.IsControl(r), unicode.In(r, unicode.Cf, unicode.Co, unicode.Cs, unicode.Zl, unicode.Zp):
			return mark
		}
		return r
	}, strings.ToValidUTF8(text, string(mark)))
	return Cut(text, maxText)
}

// Cut shortens a text to at most n characters, n being at least 1, and shows that it did.
func Cut(text string, n int) string {
	if utf8.RuneCountInString(text) <= n {
		return text
	}
	return string([]rune(text)[:n-1]) + "…"
}
